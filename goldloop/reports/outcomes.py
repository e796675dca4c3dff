"""Outcomes as rows and sentences: what became of a file, what was contradicted, and how late reports come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from goldloop.core.reported_outcomes import ReportedOutcome, known_outcomes
from goldloop.loop.let_through import LetThroughReport
from goldloop.loop.maturity import Maturity
from goldloop.loop.outcomes import OutcomesReport
from goldloop.reports.formatting import number, number_cell, percent, percent_cell
from goldloop.reports.section import Row
from goldloop.stats.delays import FEWEST_REPORTS, MATURE_SHARE

SHOWN = 10
"""Rows that a terminal names; the others are counted, and --json has all."""


def outcome_rows(report: OutcomesReport) -> list[Row]:
    """Return how many rows became what."""
    figures = {
        "rows": report.n_rows,
        "new": report.n_added,
        "known before": report.n_known,
        "refused": len(report.refused),
        "waiting for their sample": report.n_waiting,
        "honest customers' disputes": report.n_honest_disputes,
        **{f"contradict {_said_by(by)}": n for by, n in sorted(report.n_contradictions.items())},
        "changes of gold": report.n_gold_changes,
    }
    return [{"what": what, "n": n} for what, n in figures.items()]


def outcome_problems(report: OutcomesReport) -> Iterator[str]:
    """Yield a sentence for each row that was refused, that names several samples, or that contradicts."""
    refused = [
        f"row {one.row}{f', id {one.name}' if one.name else ''}: {one.reason}: {one.detail}"
        for one in report.refused
    ]
    ambiguous = [
        f"{name!r} names several samples; give the place, such as posts.csv#id=17, or the sample_id"
        for name in report.ambiguous
    ]
    contradictions = [
        f"{one.kind} says {one.label!r} of {one.name}, {_said_by(one.by)} {one.before!r}"
        for one in report.contradictions
    ]
    for what, sentences in (
        ("refused", refused),
        ("waits", ambiguous),
        ("contradiction", contradictions),
        ("lost", list(report.lost)),
    ):
        for sentence in sentences[:SHOWN]:
            yield f"{what}: {sentence}"
        if len(sentences) > SHOWN:
            yield f"{what}: {len(sentences) - SHOWN:,} more; --json names each"


def _said_by(by: str) -> str:
    return "people" if by == "people" else f"an earlier {by}"


def maturity_lines(found: Maturity | None) -> list[str]:
    """Return how late chargebacks come and which share of samples is mature; nothing without outcomes."""
    if found is None or not found.n_chargebacks:
        return []
    if found.mature_days is None or found.n_expected is None:
        n = found.n_dated
        return [
            f"delay of chargebacks: too few, n={n} with a delay; {FEWEST_REPORTS} of samples of different "
            "age show it"
        ]
    is_mature = percent_cell(found.mature_share)
    return [
        f"half of the chargebacks are known after {number_cell(found.median_days, 1, unit=' days')}",
        f"mature from {number(found.mature_days)} days on, when {percent(MATURE_SHARE, 0)} are known: "
        f"{is_mature} of the samples, as of {found.as_of:%Y-%m-%d}",
        f"chargebacks so far: {found.n_dated:,} of about {number(found.n_expected)} that are to be expected",
    ]


def let_through_line(report: LetThroughReport | None) -> str:
    """Return what became of the let-through group; "" without one."""
    if report is None:
        return ""
    return (
        f"let through: {report.n:,}, {report.n_mature:,} of them mature; of what the policy stops or reviews "
        f"{percent_cell(report.wrong)} would have done harm"
    )


def outcomes_line(
    reports: Sequence[ReportedOutcome],
    found: Maturity | None,
    passed: LetThroughReport | None = None,
) -> str:
    """Return where outcomes and the let-through group stand in one line of the status; "" without any."""
    if not reports:
        return let_through_line(passed)
    kinds = Counter(one.kind for one in reports)
    listed = ", ".join(f"{n:,} {kind}" for kind, n in sorted(kinds.items()))
    n_waiting = sum(one.sample_id is None for one in reports)
    parts = [f"{listed}; {len(known_outcomes(reports)):,} samples have one that decides"]
    parts += [f"{n_waiting:,} wait for their sample"] if n_waiting else []
    parts += [*maturity_lines(found), let_through_line(passed)]
    return "; ".join(part for part in parts if part)
