"""The gallery of what was chosen for annotators in the last plan, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from goldloop.core.labels import LabelSet
from goldloop.core.planned_tasks import PlannedTask, TaskStatus
from goldloop.core.probs import margin, stored_probs
from goldloop.core.tasks import Purpose
from goldloop.reports.formatting import Cell, number, percent
from goldloop.reports.gallery import MOST_TILES, Gallery, Pick
from goldloop.reports.sample_facts import Opinion
from goldloop.selection.plan import FIRST_ASKED

_REASONS = {
    Purpose.SEED: "teaches the model: before the first model medoids, which stand for samples like them, or "
    "a random draw where no features are known; later held samples that selection.strategy chose",
    Purpose.AUDIT: "judges the models: a random draw from all samples, labelled blind",
    Purpose.REVIEW: "is in the lane review and was chosen by selection.strategy",
    Purpose.SHEET: "is in the lane review with a suggestion so sure that a look among others on a sheet pays",
    Purpose.FULL: "is labelled blind by several annotators, and was chosen by selection.strategy",
}
BLIND = "Keep this page from annotators while these tasks are open: it shows what blind tasks hide."


def chosen_gallery(tasks: Iterable[TaskStatus], labels: LabelSet) -> Gallery:
    """Return the tasks of the newest plan of first tasks, as many of each purpose as there is room for."""
    first = [task for task in tasks if task.purpose in FIRST_ASKED]
    newest = max((task.plan_seq for task in first), default=None)
    plans = sorted((task.plan for task in first if task.plan_seq == newest), key=lambda plan: plan.position)
    counts = Counter(plan.purpose for plan in plans)
    words = ", ".join(f"{counts[purpose]:,} {purpose}" for purpose in FIRST_ASKED if purpose in counts)
    has_model = any(plan.probs is not None for plan in plans)
    return Gallery(
        "What annotators were asked last, and why",
        [_pick(plan, labels, has_model=has_model) for plan in _mixed(plans)],
        words=f"The last plan, of round {plans[0].round}: {words}." if plans else "",
        nothing="Nothing was chosen for annotators yet; `goldloop push` chooses.",
        n=len(plans),
        remarks=[
            *(
                Cell(str(purpose), _REASONS[purpose], tone="strong")
                for purpose in FIRST_ASKED
                if purpose in counts
            ),
            Cell(BLIND),
        ],
    )


def _mixed(plans: Sequence[PlannedTask]) -> list[PlannedTask]:
    """Return at most `MOST_TILES` plans, purpose by purpose, with turns taken while there is room."""
    places: Counter[Purpose] = Counter()
    turns = []
    for plan in plans:
        turns.append((places[plan.purpose], FIRST_ASKED.index(plan.purpose), plan.position, plan))
        places[plan.purpose] += 1
    taken = [plan for *_, plan in sorted(turns, key=lambda turn: turn[:3])[:MOST_TILES]]
    return sorted(taken, key=lambda plan: (FIRST_ASKED.index(plan.purpose), plan.position))


def _pick(plan: PlannedTask, labels: LabelSet, *, has_model: bool) -> Pick:
    why, opinions = [f"lane {plan.lane}"], []
    if plan.probs is not None:
        probs = stored_probs([plan.probs], [plan.label_names], labels)
        why[0] += f", margin {number(100 * margin(probs)[0])} points"
        opinions = [Opinion(f"model {plan.model_version}", probs[0])]
    why += [*_chance(plan, has_model=has_model), *_suggestion(plan)]
    return Pick(plan.sample_id, str(plan.purpose), why, opinions)


def _chance(plan: PlannedTask, *, has_model: bool) -> list[str]:
    """Return how the sample came to be chosen; nothing for reviews, whose margin says it."""
    if plan.inclusion_probability is not None:
        return [f"random draw, probability {percent(plan.inclusion_probability)}"]
    if plan.purpose is not Purpose.SEED:
        return []
    return ["chosen among the held samples" if has_model else "chosen before the first model"]


def _suggestion(plan: PlannedTask) -> list[str]:
    if plan.suggested_label is None:
        return ["blind"]
    return [f"suggestion {'shown' if plan.is_shown else 'hidden'}: {plan.suggested_label}"]
