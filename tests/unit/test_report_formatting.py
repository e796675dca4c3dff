"""Figures and texts of the report: each figure has its interval and n, each lane and reason has a name."""

from __future__ import annotations

from goldloop.core.lanes import Lane, listed_lanes
from goldloop.core.tasks import RequestReason
from goldloop.labeling.follow_up import FollowUpReport
from goldloop.reports.formatting import Cell, amount_cell, lanes_cell, percent_cell, points_cell
from goldloop.reports.plots.rounds import lanes_plot
from goldloop.reports.section import Plot, Section, Table, markdown
from goldloop.reports.steps import follow_up_figures
from goldloop.stats.measures import Measure
from goldloop.stats.metrics import Estimate
from goldloop.tables.counts import Conservation


def test_full_review_is_named_where_it_is_used() -> None:
    """Most policies never ask for a full review, so texts leave its zero out; the other lanes are named."""
    assert listed_lanes({"auto": 1}) == (Lane.AUTO, Lane.REVIEW, Lane.HOLD)
    assert listed_lanes({"full": 1}) == tuple(Lane)
    assert str(lanes_cell({"auto": 1, "full": 3})) == "auto 25 %, review 0 %, full 75 %, hold 0 %"
    assert "auto 1 + review 2 + full 3 + hold 4" in str(Conservation(10, 1, 2, 3, 4, 0, 0, {}))
    assert "full" not in str(Conservation(7, 1, 2, 0, 4, 0, 0, {}))


def test_figures_are_written_alike_everywhere() -> None:
    """A figure carries its interval and n; without an estimate stands the reason, never a bare number."""
    found = Estimate(-0.12, -0.201, -0.0004, 1400)

    assert str(percent_cell(Estimate(0.934, 0.91, 0.952, 140))) == "93.4 % [91.0, 95.2], n=140"
    assert str(points_cell(found)) == "−12.0 points [−20.1, 0.0], n=1,400"
    assert str(percent_cell(Measure(3, None))) == "too few, n=3"
    assert str(percent_cell(None)) == "–"
    assert str(amount_cell(Measure(9, Estimate(12.0, 12.0, 12.0, 9)))) == "12"
    assert str(amount_cell(Measure(9, Estimate(1200.5, 8.0, 17000.0, 9)), 1)) == "1,200.5 [8.0, 17,000.0]"
    assert str(amount_cell(Measure(0, None, "nothing accepted"))) == "nothing accepted, n=0"


def test_follow_ups_have_words_for_every_reason() -> None:
    """Whatever annotators are asked for, the report of a push or pull can name it."""
    report = FollowUpReport(asked={str(reason): 1 for reason in RequestReason})

    assert sum(follow_up_figures(report).values()) == len(RequestReason)
    assert follow_up_figures(None) == {}


def test_markdown_holds_the_section() -> None:
    """Prefect gets remarks, tables and a plot in one text; a bar in a label does not break the table."""
    picture = lanes_plot([1], [{"auto": 1}])
    table = Table(({"who": "a|b", "accuracy": Cell("90 %", "n=3"), "nothing": None},), "by hand")

    text = markdown(Section("T", remarks=(Cell("look"),), tables=(table,), plots=(Plot("p", picture),)))

    assert text.startswith("## T\n\n- look\n\n**by hand**\n\n| who | accuracy | nothing |\n| --- |")
    assert "| a\\|b | 90 % n=3 |  |" in text
    assert "![p](data:image/png;base64," in text
