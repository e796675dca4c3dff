"""The quarter for a manager: three figures, costs by week, then everything behind them; and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from goldloop.core.disk import write_whole
from goldloop.core.errors import SourceError
from goldloop.core.verbatim import inert
from goldloop.costs.analysts import Looks, best_looks
from goldloop.costs.quarter import AUDIT, FULL, QUICK, QuarterFigures
from goldloop.costs.report import Quarter
from goldloop.reports.formatting import (
    NOTHING,
    Cell,
    amount_cell,
    interval,
    number,
    number_cell,
    percent,
    percent_cell,
)
from goldloop.reports.plots.quarter import week_plot
from goldloop.reports.section import Plot, Row, Section, Table
from goldloop.stats.measures import Measure, difference, exact

RULE = "rule p ≥ .5"


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of the quarter, beside the quarter before and the rule; None where it has none there."""

    part: str
    figure: str
    unit: str
    now: Measure | None
    before: Measure | None = None
    rule: Measure | None = None
    digits: int = 0


@dataclass(frozen=True, slots=True)
class QuarterReport:
    """The figures of a quarter, of the one before (None without samples), and the looks of analysts."""

    quarter: Quarter
    first_day: datetime
    now: QuarterFigures
    before: QuarterFigures | None
    looks: tuple[Looks, ...]


def lines(report: QuarterReport) -> list[Line]:
    """Return every figure of the report, in the order of the page."""
    now, before, money = report.now, report.before, report.now.currency
    rule = now.rule

    def line(part: str, figure: str, unit: str, name: str, digits: int = 0) -> Line:
        """Return a figure that the rule has too."""
        return Line(
            part,
            figure,
            unit,
            getattr(now.now, name),
            getattr(before.now, name) if before else None,
            getattr(rule, name),
            digits,
        )

    def of_quarter(part: str, figure: str, unit: str, name: str, digits: int = 0) -> Line:
        """Return a figure of the quarter alone."""
        values = [_measure(getattr(one, name)) if one else None for one in (now, before)]
        return Line(part, figure, unit, values[0], values[1], None, digits)

    found = [
        of_quarter("what came", "samples", "", "n"),
        of_quarter("what came", "value", money, "value"),
        line("loss", "loss", money, "loss"),
        line("loss", "loss as a share of the value", "bp", "loss_bp", 1),
        of_quarter("loss", "of it reported so far", money, "reported"),
        of_quarter("loss", "of it not reported yet, estimated", money, "unreported"),
        of_quarter("loss", "samples reported as lost", "", "n_reported"),
        line("loss", "loss prevented", money, "prevented"),
        line("customers", "contacted or declined wrongly", "per 1,000", "contacts", 2),
        line("cost", "cost of errors and reviews", money, "cost"),
        of_quarter("cost", f"saved against the {RULE}", money, "saved"),
        of_quarter("cost", "loss prevented per minute of review", money, "per_minute", 2),
    ]
    for path, name in ((QUICK, "quick reviews"), (FULL, "full reviews"), (AUDIT, "audits")):
        found.append(
            Line("minutes", name, "min", now.minutes[path], before.minutes[path] if before else None)
        )
    for path, share in now.by_path.items():
        other = exact(100 * before.by_path[path], before.n) if before else None
        found.append(Line("share of each path", path, "%", exact(100 * share, now.n), other, digits=1))
    for name, words in (
        ("mature_share", "old enough to be believed"),
        ("reported_share", "reports that came"),
    ):
        values = [_percents(getattr(one, name)) if one else None for one in (now, before)]
        found.append(Line("maturity", words, "%", values[0], values[1], digits=1))
    return found


def _measure(value: Measure | float) -> Measure:
    return value if isinstance(value, Measure) else exact(float(value))


def _percents(share: float | None) -> Measure:
    return Measure(0, None, "delay of chargebacks not known") if share is None else exact(100 * share)


def headline(report: QuarterReport) -> dict[str, Cell]:
    """Return the three figures, each against the quarter before and against the rule."""
    now, before, money = report.now, report.before, report.now.currency
    was = before.now if before else None
    return {
        f"Fraud loss, {money}": _fact(now.now.loss, was.loss if was else None, now.rule.loss, 0),
        "Customers contacted or declined wrongly, per 1,000": _fact(
            now.now.contacts, was.contacts if was else None, now.rule.contacts, 2
        ),
        f"Loss prevented per minute of review, {money}": _fact(
            now.per_minute, before.per_minute if before else None, None, 2, _saved(now)
        ),
    }


def _fact(now: Measure, before: Measure | None, rule: Measure | None, digits: int, beside: str = "") -> Cell:
    if now.estimate is None:
        return Cell(str(now), beside)
    words = [interval(now.estimate, digits, factor=1)]
    if before is None or before.estimate is None:
        words.append("No quarter before" if before is None else f"Quarter before: {before}")
    else:
        words.append(f"Quarter before: {amount_cell(before, digits)}")
        words.append(f"Change: {amount_cell(difference(now, before), digits)}")
    if rule is not None:
        words.append(f"{RULE}: {amount_cell(rule, digits)}".capitalize())
    below = "\n".join([*words, *([beside] if beside else [])]).replace(", ", ",\N{NO-BREAK SPACE}")
    return Cell(number(now.estimate.value, digits), below)


def _saved(now: QuarterFigures) -> str:
    return f"Saved against the {RULE}: {amount_cell(now.saved)} {now.currency}"


def quarter_sections(report: QuarterReport) -> list[Section]:
    """Return the plot over weeks, then the details."""
    now = report.now
    names = [f"{report.first_day + timedelta(days=7 * week.number):%d %b}" for week in now.weeks]
    plot = Plot(
        f"Each point is a week of samples; {RULE} is replayed on the same samples",
        week_plot(now.weeks, names, now.currency),
        is_wide=True,
    )
    return [
        Section("Cost over the weeks", plots=[plot]),
        Section(
            "Details",
            tables=[Table(_rows(report))],
            notes=(
                f"What nobody reported is estimated: {now.n_audits:,} audits, drawn at random and labelled "
                "blind, the reports so far and people's answers recalibrate the model.",
                "A loss is the price of a missed sample of another label than the first, by [cost]. "
                "What still waits for people counts as decided without them.",
                "Minutes are without breaks: a time that is improbable as work counts as the usual one.",
            ),
        ),
        Section(
            "Who looked",
            tables=[Table(_look_rows(report.looks))] if report.looks else [],
            notes=_best_reviewers(report.looks),
        ),
    ]


def _best_reviewers(looks: Sequence[Looks]) -> tuple[str, ...]:
    """Return sentences on who is right more often than the others, by evidence."""
    found = [
        f"{mine.path}, {_amount(mine)}: annotator {mine.who} is right in {percent(ours.value)}, all are in "
        f"{percent(theirs.value)} (n={mine.n})."
        for mine, of_all in best_looks(looks)
        if (ours := mine.accuracy.estimate) and (theirs := of_all.accuracy.estimate)
    ]
    if not found and any(one.who for one in looks):
        return ("Nobody is right more often than the others by evidence.",)
    return tuple(found)


def _rows(report: QuarterReport) -> list[Row]:
    return [
        {
            "what": f"{one.figure}, {one.unit}" if one.unit else one.figure,
            str(report.quarter): _cell(one.now, one.digits),
            "quarter before": _cell(one.before, one.digits),
            RULE: _cell(one.rule, one.digits),
        }
        for one in lines(report)
    ]


def _cell(measure: Measure | None, digits: int) -> Cell:
    return Cell(NOTHING, tone="soft") if measure is None else amount_cell(measure, digits)


def _look_rows(looks: Sequence[Looks]) -> list[Row]:
    return [
        {
            "path": one.path,
            "who": f"annotator {one.who}" if one.who else "all",
            "amount": _amount(one),
            "answers": one.n,
            "right": percent_cell(one.accuracy),
            "seconds": number_cell(one.seconds, 1),
        }
        for one in looks
    ]


def _amount(one: Looks) -> str:
    return "all amounts" if one.band is None else f"{number(one.band[0])} to {number(one.band[1])}"


def write_csv(report: QuarterReport, path: Path) -> Path:
    """Write every figure as CSV that a spreadsheet opens as it is; return where it lies.

    Raises:
        StorageError: the disk refused it; what was there stays.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    ends = ("value", "low", "high", "n", "missing")
    columns = [f"{when}_{end}" for when in ("now", "before", "rule") for end in ends]
    rows.writerow(["quarter", "part", "figure", "unit", *columns])
    for one in [*lines(report), *_look_lines(report.looks)]:
        cells = [cell for measure in (one.now, one.before, one.rule) for cell in _cells(measure)]
        rows.writerow([str(report.quarter), inert(one.part), inert(one.figure), inert(one.unit), *cells])
    write_whole(path, text.getvalue().encode("utf-8-sig"))
    return path


def write_new_csv(report: QuarterReport, path: Path) -> Path:
    """Write the figures to a new file.

    Raises:
        SourceError: the file exists already.
    """
    if path.exists():
        raise SourceError(f"{path} exists already; name a new file with --to")
    return write_csv(report, path)


def _look_lines(looks: Sequence[Looks]) -> list[Line]:
    found = []
    for one in looks:
        band = "" if one.band is None else f", {one.band[0]:.2f} to {one.band[1]:.2f}"
        name = f"{one.path}{band}{f', annotator {one.who}' if one.who else ''}"
        found.append(Line("analysts", f"right, {name}", "share", one.accuracy))
        found.append(Line("analysts", f"seconds, {name}", "s", one.seconds))
    return found


def _cells(measure: Measure | None) -> list[object]:
    if measure is None:
        return [""] * 5
    one = measure.estimate
    if one is None:
        return ["", "", "", measure.n, measure.missing]
    return [one.value, one.low, one.high, one.n, ""]
