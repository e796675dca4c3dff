"""Reported outcomes: what became of samples later, and which report of a sample decides its label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split


class OutcomeKind(StrEnum):
    """Who says what became of a sample.

    `CHARGEBACK`: the holder of a card disputes a payment. `REFUND`: it was paid back. `MANUAL`: somebody
    examined the case. `APPEAL`: a decision on an objection, made outside goldloop.
    """

    CHARGEBACK = "chargeback"
    REFUND = "refund"
    MANUAL = "manual"
    APPEAL = "appeal"


_RANKS = {OutcomeKind.CHARGEBACK: 1, OutcomeKind.APPEAL: 2, OutcomeKind.MANUAL: 3}
"""Which of two reports that became known at the same moment decides: the one of the higher rank."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a sample belongs that no annotator was asked about, fixed by its first outcome or imported label.

    It is to such a sample what its plan is to one with a task. `lane`, `policy` and `model_version` are those
    of its prediction then.
    """

    batch: BatchId
    lane: str
    policy: str
    model_version: str | None
    split: Split
    group: str
    fingerprint: str | None = None
    entity: str | None = None


@dataclass(frozen=True, slots=True)
class ReportedOutcome:
    """A row of a file of outcomes.

    `digest` is the same for equal rows. `name` is the sample as the file names it, `sample_id` the sample
    once there is one of that name. `label` is None where the row says none. An honest customer's dispute is
    a chargeback that turned out to be none of fraud. It happened or was filed at `observed_at`, if that is
    known, and was known at `known_at`. `position` is the row in its file.
    """

    digest: str
    name: str
    kind: OutcomeKind
    label: str | None
    is_honest_dispute: bool
    observed_at: datetime | None
    known_at: datetime
    added_at: datetime
    position: int = 0
    sample_id: SampleId | None = None
    placement: Placement | None = None


@dataclass(frozen=True, slots=True)
class KnownOutcome:
    """The label that the reports of a sample come to, by which kind, and since when that is known."""

    sample_id: SampleId
    label: str
    kind: OutcomeKind
    known_at: datetime
    placement: Placement | None = None


def by_sample(reports: Iterable[ReportedOutcome]) -> dict[SampleId, list[ReportedOutcome]]:
    """Return the reports of each sample, in the order given; those without a sample are left out."""
    found: dict[SampleId, list[ReportedOutcome]] = {}
    for report in reports:
        if report.sample_id is not None:
            found.setdefault(report.sample_id, []).append(report)
    return found


def deciding_report(reports: Sequence[ReportedOutcome]) -> ReportedOutcome | None:
    """Return which of the reports of one sample, in the order they were added, says its label; None if none.

    An honest customer's dispute takes back the chargebacks that were known by then. Of what is left, the
    report decides that became known last, in whatever order the reports came; at the same moment a manual
    finding decides before an appeal, an appeal before a chargeback, and else the report added last. A refund
    decides where nothing else does: money is also given back to please a customer.
    """
    taken_back = max((one.known_at for one in reports if one.is_honest_dispute), default=None)
    said = [
        report
        for report in reports
        if report.label is not None
        and not (
            report.kind is OutcomeKind.CHARGEBACK
            and not report.is_honest_dispute
            and taken_back is not None
            and report.known_at <= taken_back
        )
    ]
    strong = [report for report in said if report.kind in _RANKS]
    newest: ReportedOutcome | None = None
    for report in strong or said:
        if newest is None or _order(report) >= _order(newest):
            newest = report
    return newest


def _order(report: ReportedOutcome) -> tuple[datetime, int]:
    return report.known_at, _RANKS.get(report.kind, 0)


def known_outcomes(reports: Iterable[ReportedOutcome]) -> Mapping[SampleId, KnownOutcome]:
    """Return what is known of each sample whose reports say a label, in order of sample_id.

    The placement of a sample is the first that one of its reports got.
    """
    known = {}
    for sample_id, mine in sorted(by_sample(reports).items()):
        deciding = deciding_report(mine)
        if deciding is not None and deciding.label is not None:
            placement = next((one.placement for one in mine if one.placement is not None), None)
            known[sample_id] = KnownOutcome(
                sample_id, deciding.label, deciding.kind, deciding.known_at, placement
            )
    return known
