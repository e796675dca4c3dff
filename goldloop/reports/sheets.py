"""The section about sheets: how much was looked over on them, what people overlook, and who gets no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from goldloop.consensus.planted_errors import PlantedError, planted_errors
from goldloop.core.annotations import Answer
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling.context import LoopState
from goldloop.labeling.sheet_choice import sheet_switch
from goldloop.reports.formatting import Cell, percent, percent_cell
from goldloop.reports.section import Row, Section, Table
from goldloop.settings import Settings
from goldloop.sheets.composition import is_twin
from goldloop.sheets.overlooking import KnownWrong, Overlooking, overlooking
from goldloop.stats.measures import share

Known = list[tuple[bool, bool, float]]
"""Of each wrong suggestion: whether it was missed, was planted, and would be known if nobody clicked it."""


def sheet_sections(state: LoopState, settings: Settings) -> list[Section]:
    """Return the section about sheets; none before anybody answered one."""
    answers = [one for one in state.outcomes.answers if one.purpose.is_on_sheet]
    given = [one for one in answers if one.is_deferred or not one.is_skip]
    if not given:
        return []
    labels = {record.sample_id: record.label for record in state.snapshot.gold.records}
    planted = planted_errors(given, labels)
    shown = [one for one in given if one.purpose is Purpose.SHEET]
    n_clicked = sum(one.is_deferred for one in shown)
    seconds = [one.lead_time_s for one in given if one.lead_time_s and not one.is_edited]
    pace = f", in {np.median(seconds):.1f} s each (median)," if seconds else ""
    allowed = percent(settings.sheets.max_missed, 0)
    return [
        Section(
            "Sheets",
            prose=(
                f"People looked over {len(shown):,} samples on sheets{pace} and clicked {n_clicked:,}. "
                "Planted errors, suggestions that goldloop knows to be wrong, tell what they overlook; "
                f"who misses more than {allowed}, by evidence, gets no more sheets.",
                *_verification(state, shown, labels),
            ),
            remarks=[Cell(reason, tone="bad") for reason in sheet_switch(state, settings).reasons],
            tables=(
                Table(_rows(shown, planted, "who", lambda one: f"annotator {one.annotator}"), "by annotator"),
                Table(_rows(shown, planted, "label", _label), "by suggested label"),
                Table(_missed_rows(_overlooking(state, planted, settings)), "suggestions overlooked"),
            ),
            notes=(
                "The model's own errors are known where somebody clicked them, or chance gave a second look; "
                "the shares weigh each by its chance of being known.",
            ),
        )
    ]


def _verification(state: LoopState, shown: Sequence[Answer], labels: Mapping[SampleId, str]) -> Iterator[str]:
    """Yield a sentence about the looks at labels of single answers, if there were any."""
    tasks = state.snapshot.tasks
    verified = [one for one in shown if task_key(one.sample_id, Purpose.REVIEW) in tasks]
    clicked = [one for one in verified if one.is_deferred]
    n_changed = sum(labels.get(one.sample_id, one.suggested_label) != one.suggested_label for one in clicked)
    if verified:
        yield (
            f"{len(verified):,} of these samples had the label of a single answer, by somebody else: "
            f"{len(clicked):,} were clicked, and {n_changed:,} have another label by now."
        )


def _label(one: Answer | PlantedError) -> str:
    return str(one.suggested_label) if isinstance(one, Answer) else one.label


def _rows(
    shown: Sequence[Answer],
    planted: Sequence[PlantedError],
    title: str,
    of: Callable[[Answer | PlantedError], str],
) -> list[Row]:
    rows: list[Row] = []
    for name in sorted({*map(of, shown), *map(of, planted)}):
        mine, errors = [one for one in shown if of(one) == name], [one for one in planted if of(one) == name]
        missed = share(sum(one.is_missed for one in errors), len(errors))
        n_clicked = sum(one.is_deferred for one in mine)
        rows.append(
            {
                title: name,
                "looked over": len(mine),
                "clicked": percent_cell(share(n_clicked, len(mine))),
                "planted errors missed": percent_cell(missed),
            }
        )
    return rows


def _missed_rows(found: Overlooking) -> list[Row]:
    figures = {
        "planted errors": found.planted,
        "the model's own errors": found.own,
        "both, if equally hard to see": found.both,
        "unclicked samples whose suggestion is wrong": found.left_wrong,
    }
    return [{"what": what, "share": percent_cell(figure)} for what, figure in figures.items()]


def _overlooking(state: LoopState, planted: Sequence[PlantedError], settings: Settings) -> Overlooking:
    """Return what is overlooked, from planted errors, and gold after a click or a second look."""
    chance = settings.sheets.second_looks
    known: Known = [(error.is_missed, True, 1.0) for error in planted]
    looks: list[bool] = []
    for outcome in state.outcomes.samples:
        evidence = outcome.evidence
        if evidence.purpose is not Purpose.SHEET or outcome.gold_label is None or not chance:
            continue
        is_wrong = outcome.gold_label != evidence.plan.suggested_label
        if evidence.is_clicked:
            known += [(False, False, chance)] if is_wrong else []
            continue
        is_second = is_twin(evidence.sample_id, twin_share=chance, seed=settings.selection.seed)
        if is_second and any(vote.purpose is Purpose.RECHECK for vote in evidence.votes):
            looks.append(is_wrong)
            known += [(True, False, chance)] if is_wrong else []
    columns = np.array(known, dtype=np.float64).reshape(-1, 3)
    wrong = KnownWrong(columns[:, 0].astype(bool), columns[:, 1].astype(bool), columns[:, 2])
    return overlooking(wrong, looks, np.full(len(looks), 1 / chance) if chance else [])
