"""The demo's page: the round's page with the random arm, judged on samples that never entered the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldloop.reports.page import save_page
from goldloop.reports.round_page import round_page
from goldloop.reports.rounds import RoundRow, curve_plot, facts, round_plots, rounds_section
from goldloop.reports.section import Plot
from goldloop.tables.rounds import read_rounds

if TYPE_CHECKING:
    from goldloop.wiring import Wiring
    from scripts.demo_loop.comparison import Row
    from scripts.demo_loop.labelled import LabelledSamples


def write_demo_page(parts: Wiring, rows: Sequence[Row], samples: LabelledSamples[Any]) -> Path:
    """Write the demo's page into the workspace and return where it lies."""
    records = read_rounds(parts.tables.rounds)
    judged_outside = [
        RoundRow(record, baseline=row.baseline, champion=row.champion, random_labels=row.random)
        for row, record in zip(rows, records, strict=True)
    ]
    n_test = len(samples.test)
    outside = Plot(
        f"The same on {n_test} test {samples.noun} that never entered the loop, "
        f"beside models of single answers to random {samples.noun} in as many minutes",
        curve_plot(judged_outside, split="test"),
    )
    page = round_page(parts.ports, records, links=parts.links())
    rounds = rounds_section(judged_outside, (outside, *round_plots(records)))
    page = replace(
        page,
        title=f"goldloop demo: {len(samples.pool)} {samples.noun}, {len(samples.labels)} labels",
        sections=[rounds, *page.sections[1:]],
        facts=facts(judged_outside),
        judged_on=f"Every accuracy in the first table is on {n_test} test {samples.noun} with known labels, "
        "kept out of the loop.",
    )
    return save_page(page, parts.workspace.reports, "demo.html")
