"""The quarter of a workspace of records: read from the tables, on a page and as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from goldloop.core.errors import SourceError
from goldloop.costs.report import Quarter
from goldloop.loop.push import push
from goldloop.reports.quarter import QuarterReport, headline, lines, write_new_csv
from goldloop.reports.quarter_data import before, first_day, quarters_of_samples
from goldloop.reports.quarter_page import quarter_report, write_quarter
from tests.record_loop import N_PAYMENTS, N_ROUNDS, OWN_AMOUNTS, RecordLoop


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> RecordLoop:
    """Return a loop on payments of the first quarter of 2026, after three rounds."""
    loop = RecordLoop(tmp_path_factory.mktemp("quarter"), "logistic", OWN_AMOUNTS)
    push(loop.ports)
    for _ in range(N_ROUNDS):
        loop.round()
    return loop


@pytest.fixture(scope="module")
def report(loop: RecordLoop) -> QuarterReport:
    """Return the report of the quarter that holds the payments."""
    found = quarter_report(loop.ports, Quarter(2026, 1))
    assert found is not None
    return found


def test_a_quarter_holds_the_records_whose_own_time_lies_in_it(
    loop: RecordLoop, report: QuarterReport
) -> None:
    """All payments are of March, whenever they arrived; other quarters have none."""
    assert report.now.n <= N_PAYMENTS
    assert quarter_report(loop.ports, Quarter(2025, 2)) is None
    assert quarters_of_samples(loop.ports) == [Quarter(2026, 1)]
    assert str(before(Quarter(2026, 1))) == "2025Q4"
    assert f"{first_day(Quarter(2026, 4)):%Y-%m-%d}" == "2026-10-01"
    assert sum(report.now.by_path.values()) == pytest.approx(1)
    assert sum(week.n for week in report.now.weeks) == report.now.n


def test_the_page_shows_three_figures_a_plot_and_the_details(
    loop: RecordLoop, report: QuarterReport, tmp_path: Path
) -> None:
    """Loss, contacts and what a minute prevents stand first, each against the quarter before and the rule."""
    page, table = write_quarter(loop.ports, report, tmp_path)

    html = page.read_text(encoding="utf-8")
    assert page.name == "quarter-2026Q1.html"
    assert table.name == "quarter-2026Q1.csv"
    assert list(headline(report)) == [
        "Fraud loss, EUR",
        "Customers contacted or declined wrongly, per 1,000",
        "Loss prevented per minute of review, EUR",
    ]
    assert html.index("Fraud loss, EUR") < html.index("Cost over the weeks") < html.index("Details")
    assert html.count('class="plot wide"') == 1
    assert "No quarter before" in html
    assert "Rule p ≥ .5" in html


def test_the_file_has_every_figure_of_the_page_with_its_interval(
    report: QuarterReport, tmp_path: Path
) -> None:
    """A row a figure, and a file that is there is not overwritten."""
    file = write_new_csv(report, tmp_path / "quarter.csv")

    rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["figure"] for row in rows[: len(lines(report))]] == [one.figure for one in lines(report)]
    for row in rows:
        is_known = row["now_value"] != ""
        assert is_known != bool(row["now_missing"]), row
        if is_known:
            assert float(row["now_low"]) <= float(row["now_value"]) <= float(row["now_high"])
    with pytest.raises(SourceError, match="name a new file with --to"):
        write_new_csv(report, file)
