"""Outcomes: what became of samples later, as files told; rows are only added."""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.core.reported_outcomes import ReportedOutcome
from goldloop.core.table_ports import Table
from goldloop.tables import codec


def read_reported(table: Table) -> list[ReportedOutcome]:
    """Return the reported outcomes in the order in which they were added.

    A row that is written again, with its sample or the sample's placement, keeps the place of the first.
    A table without a commit is not read.
    """
    if not table.version():
        return []
    rows = table.read().sort_by([("seq", "ascending"), ("position", "ascending")])
    reports = dict[str, ReportedOutcome]()
    for report in codec.values_of(ReportedOutcome, rows):
        reports[report.digest] = report
    return list(reports.values())


def save_reported(table: Table, reports: Sequence[ReportedOutcome]) -> Sequence[ReportedOutcome]:
    """Add those of `reports` that are not known yet, each once, in one commit; return them."""

    def new() -> list[ReportedOutcome]:
        known = {report.digest for report in read_reported(table)}
        found = dict[str, ReportedOutcome]()
        for report in reports:
            if report.digest not in known:
                found.setdefault(report.digest, report)
        return list(found.values())

    return codec.append_values(table, new)


def save_bound(table: Table, reports: Sequence[ReportedOutcome]) -> Sequence[ReportedOutcome]:
    """Write `reports` again, each with its sample or placement, unless another process did; return them."""

    def unbound() -> list[ReportedOutcome]:
        present = {report.digest: report for report in read_reported(table)}
        return [one for one in reports if _is_more(one, present[one.digest])]

    return codec.append_values(table, unbound)


def _is_more(report: ReportedOutcome, present: ReportedOutcome) -> bool:
    """Return whether `report` has a sample, or a placement, that the `present` row has not."""
    return present.sample_id is None or (report.placement is not None and present.placement is None)
