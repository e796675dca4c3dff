"""The page of a quarter: what it rests on is read from the tables, then page and CSV are written."""

from __future__ import annotations

from pathlib import Path

from goldloop.costs.analysts import looks_of
from goldloop.costs.errors import prices
from goldloop.costs.quarter import QuarterFigures, minutes_by_path, quarter_figures
from goldloop.costs.report import Quarter
from goldloop.labeling.context import read_state
from goldloop.loop.ports import LoopPorts
from goldloop.reports.page import Page, save_page
from goldloop.reports.quarter import QuarterReport, headline, quarter_sections, write_csv
from goldloop.reports.quarter_data import QuarterData, before, first_day, read_quarters
from goldloop.settings import Settings


def quarter_report(ports: LoopPorts, quarter: Quarter) -> QuarterReport | None:
    """Return the report of `quarter`; None where no scored sample has its time in it."""
    settings = ports.settings
    state = read_state(ports.tables, settings)
    now, last = read_quarters(ports, state, [quarter, before(quarter)])
    if not len(now.population):
        return None
    stakes = dict(zip(now.sample_ids, now.population.stakes.tolist(), strict=True))
    requests = state.snapshot.requests.requests
    return QuarterReport(
        quarter,
        first_day(quarter),
        _figures(now, settings),
        _figures(last, settings) if len(last.population) else None,
        tuple(looks_of(now.answers, state.outcomes, requests, stakes, settings.label_set)),
    )


def _figures(data: QuarterData, settings: Settings) -> QuarterFigures:
    paid = prices(settings.cost, settings.label_set)
    return quarter_figures(data.population, paid, minutes_by_path(data.answers), mature=data.is_mature)


def write_quarter(ports: LoopPorts, report: QuarterReport, folder: Path) -> tuple[Path, Path]:
    """Write the page of `report` and its CSV into `folder`; return where both lie."""
    name = f"quarter-{report.quarter}"
    page = Page(
        title=f"{ports.settings.name}: {report.quarter}",
        generated_at=ports.clock(),
        sections=quarter_sections(report),
        facts=headline(report),
        judged_on=f"First decisions about {report.now.n:,} samples, {report.now.n_audits:,} of them audited.",
    )
    return save_page(page, folder, f"{name}.html"), write_csv(report, folder / f"{name}.csv")
