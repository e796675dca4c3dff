"""The plans of chosen sheets: tasks of new samples, of gold labels to verify, and of planted errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from goldloop.core.chance import permanent_random
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.predictions import Candidate, Choice
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.records import GoldRecord
from goldloop.settings import Settings
from goldloop.sheets.composition import Sheet


@dataclass(frozen=True, slots=True)
class ChosenSheet:
    """A sheet of new samples, the `candidates`, or of gold labels to verify, the `labelled`.

    `planted` holds the gold record of each planted error.
    """

    sheet: Sheet
    candidates: Mapping[SampleId, Candidate]
    planted: Mapping[SampleId, GoldRecord]
    labelled: Mapping[SampleId, GoldRecord] = field(default_factory=dict)

    @property
    def choices(self) -> list[Choice]:
        """The choice of each candidate, in the order of the page."""
        shown = [one for one in self.sheet.pictures if one in self.candidates]
        return [Choice(self.candidates[one], Purpose.SHEET, None) for one in shown]

    @property
    def n_looks(self) -> int:
        """Number of samples that are looked at for their own sake."""
        return len(self.candidates) + len(self.labelled)

    @property
    def authors(self) -> set[str]:
        """Those who gave the labels that are to be verified, and do not get the sheet."""
        return {name for record in self.labelled.values() for name in record.annotators}


def affordable(chosen: Sequence[ChosenSheet], n_answers: int, settings: Settings) -> list[ChosenSheet]:
    """Return the sheets, from the first, that `n_answers` pay for."""
    n_left, taken = n_answers / settings.sheets.share_of_review, []
    for sheet in chosen:
        n_left -= sheet.n_looks
        if n_left < 0:
            break
        taken.append(sheet)
    return taken


def with_sheets(
    plans: Sequence[PlannedTask],
    chosen: Sequence[ChosenSheet],
    earlier: Mapping[str, PlannedTask],
    barred: Collection[str],
    *,
    round_: int,
    at: datetime,
) -> list[PlannedTask]:
    """Return `plans` with the samples of each sheet together, and its planted errors among them.

    `earlier` holds the first plans of gold samples, by key; `barred` annotators get no sheets.
    """
    new = {plan.sample_id: plan for plan in plans if plan.purpose is Purpose.SHEET}
    placed = [plan for plan in plans if plan.purpose is not Purpose.SHEET]
    for one in chosen:
        verified = {
            sample_id: _verification(record, earlier, round_=round_, at=at)
            for sample_id, record in one.labelled.items()
        }
        own = {sample_id: new[sample_id] for sample_id in one.candidates} | verified
        shown = [own[sample_id] for sample_id in one.sheet.pictures if sample_id in own]
        together = [
            own.get(sample_id) or _planted(one.planted[sample_id], shown, earlier)
            for sample_id in one.sheet.pictures
        ]
        kept_from = tuple(sorted({*barred, *one.authors}))
        placed += [replace(plan, sheet=together[0].key, barred=kept_from) for plan in together]
    return [replace(plan, position=position) for position, plan in enumerate(placed)]


def _verification(
    record: GoldRecord, earlier: Mapping[str, PlannedTask], *, round_: int, at: datetime
) -> PlannedTask:
    """Return the plan that shows a gold label; the model's newer predictions have learnt from it."""
    return replace(
        earlier[task_key(record.sample_id, record.purpose)],
        key=task_key(record.sample_id, Purpose.SHEET),
        round=round_,
        planned_at=at,
        suggested_label=record.label,
        suggested_score=record.posterior[record.label],
        is_shown=True,
        hint=None,
        arm=None,
        probs=None,
        label_names=None,
    )


def _planted(
    record: GoldRecord, shown: Sequence[PlannedTask], earlier: Mapping[str, PlannedTask]
) -> PlannedTask:
    """Return the plan of a planted error, which looks like the others.

    It takes over their batch, their model and one of their scores.
    """
    first = earlier[task_key(record.sample_id, record.purpose)]
    like = shown[int(permanent_random(record.sample_id, shown[0].round, "like") * len(shown))]
    return replace(
        like,
        key=task_key(record.sample_id, Purpose.PLANTED),
        split=first.split,
        group=first.group,
        fingerprint=first.fingerprint,
        entity=first.entity,
        probs=None,
        label_names=None,
    )
