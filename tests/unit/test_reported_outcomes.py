"""Reported outcomes of one sample: which of several decides its label."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.reported_outcomes import OutcomeKind, ReportedOutcome, deciding_report, known_outcomes
from goldloop.core.samples import SampleId

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def report(kind: str, label: str | None, day: int = 0, *, is_honest: bool = False) -> ReportedOutcome:
    """Return a report of sample a that was known on a day."""
    known = DAY + timedelta(days=day)
    digest = f"{kind} {label} {day} {is_honest}"
    return ReportedOutcome(
        digest, "17", OutcomeKind(kind), label, is_honest, None, known, DAY, sample_id=SampleId("a")
    )


def label_of(*reports: ReportedOutcome) -> str | None:
    """Return the label that the reports come to."""
    deciding = deciding_report(reports)
    return None if deciding is None else deciding.label


@pytest.mark.parametrize(
    ("reports", "label"),
    [
        ([report("chargeback", "fraud"), report("manual", "genuine", 1)], "genuine"),
        ([report("manual", "genuine"), report("chargeback", "fraud", 1)], "fraud"),
        ([report("manual", "genuine"), report("chargeback", "fraud")], "genuine"),
        ([report("appeal", "genuine"), report("chargeback", "fraud")], "genuine"),
        ([report("manual", "fraud"), report("appeal", "genuine")], "fraud"),
        ([report("chargeback", "fraud"), report("refund", "genuine", 5)], "fraud"),
        ([report("refund", "genuine")], "genuine"),
        ([report("manual", "fraud"), report("manual", "genuine")], "genuine"),
        ([report("chargeback", "fraud"), report("chargeback", None, 1, is_honest=True)], None),
        ([report("chargeback", "fraud"), report("chargeback", None, is_honest=True)], None),
        ([report("chargeback", None, 1, is_honest=True), report("chargeback", "fraud", 2)], "fraud"),
        (
            [
                report("refund", "fraud"),
                report("chargeback", "fraud"),
                report("chargeback", None, is_honest=True),
            ],
            "fraud",
        ),
        ([report("chargeback", "genuine", 1, is_honest=True), report("chargeback", "fraud")], "genuine"),
        ([], None),
    ],
)
def test_what_became_known_last_decides_and_a_refund_only_alone(
    reports: list[ReportedOutcome], label: str | None
) -> None:
    """Of one moment a finding decides; an honest dispute takes chargebacks back, and no refund."""
    assert label_of(*reports) == label


kinds = st.sampled_from(["chargeback", "refund", "manual", "appeal"])
several = st.lists(
    st.builds(report, kinds, st.sampled_from(["genuine", "fraud"]), st.integers(0, 5))
    | st.builds(report, st.just("chargeback"), st.none(), st.integers(0, 5), is_honest=st.just(True)),
    max_size=6,
    unique_by=lambda one: (one.kind, one.known_at, one.is_honest_dispute),
)


@given(several, st.randoms())
def test_the_order_in_which_reports_come_does_not_matter(reports: list[ReportedOutcome], rng: object) -> None:
    """Only of two of one kind and moment the later added decides."""
    shuffled = list(reports)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert label_of(*reports) == label_of(*shuffled)
    assert known_outcomes(shuffled) == known_outcomes(reports)
