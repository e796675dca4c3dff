"""The demo's page: the round's page with the random arm, judged on pictures that never entered the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from goldloop.reports.page import RoundRow
from goldloop.reports.plots.style import Plot
from goldloop.reports.round_page import curve_plot, round_page, round_plots, round_rows, save_page
from goldloop.tables.rounds import read_rounds
from goldloop.wiring import Wiring

if TYPE_CHECKING:
    from scripts.demo_loop.comparison import Row
    from scripts.demo_loop.pictures import Pictures


def write_demo_page(parts: Wiring, rows: Sequence[Row], pictures: Pictures) -> Path:
    """Write the demo's page and return where it lies."""
    records = read_rounds(parts.tables.rounds)
    judged_outside = [
        RoundRow(
            round=row.round,
            gold_version=one.gold_version,
            n_gold=row.n_gold,
            n_labels_spent=row.n_labels,
            lanes=row.lanes,
            baseline=row.baseline,
            champion=row.champion,
            random_labels=row.random,
            decision=one.decision,
            outcome=row.outcome,
        )
        for row, one in zip(rows, records, strict=True)
    ]
    n_test = len(pictures.test)
    outside = Plot(
        f"The same judged on {n_test} test pictures that never entered the loop, "
        "beside models trained on as many randomly chosen labels",
        curve_plot(judged_outside, split="test"),
    )
    page = replace(
        round_page(parts),
        title=f"goldloop demo: {len(pictures.pool)} pictures, {len(pictures.labels)} labels",
        rounds=tuple(judged_outside),
        plots=(outside, *round_plots(parts, records, round_rows(records))),
        judged_on=f"Every accuracy in the table is on {n_test} test pictures with known labels, "
        "kept out of the loop.",
    )
    return save_page(parts, page, "demo.html")
