"""Figures of a bench: written as JSON lines, shown as tables, put into a page."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from scripts.bench.__main__ import BEGIN, END, with_tables
from scripts.bench.common import Figure, Report, markdown, read_figures

FIELDS = ("figure", "value", "low", "high", "n", "unit", "seed", "commit", "command")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Return a report of a command that names places."""
    out = tmp_path / "figures.jsonl"
    file = tmp_path / "cnn.npz"
    file.touch()
    files = ["--outputs", str(file), "simulated", f"--features={file}"]
    monkeypatch.setattr(sys, "argv", ["bench", "--n", "9", "--out", str(out), f"--data={tmp_path}", *files])
    return Report(argparse.Namespace(seed=3, out=out))


def test_each_figure_is_a_line_with_what_repeats_it(report: Report) -> None:
    """A line has the number, its interval, n, unit, seed, commit and command, and names no place."""
    report.share("guard/5 % wrong/suspended", [True] * 3 + [False] * 7)
    report.mean("guard/5 % wrong/week", [1.0, 2.0, 3.0], "")

    lines = [json.loads(line) for line in report.options.out.read_text(encoding="utf-8").splitlines()]

    assert all(tuple(line) == FIELDS for line in lines)
    assert (round(lines[0]["value"], 6), lines[0]["n"], lines[0]["seed"]) == (0.3, 10, 3)
    assert lines[0]["low"] < 0.3 < lines[0]["high"]
    assert lines[1]["value"] == 2
    assert lines[0]["command"].endswith("--n 9 --outputs FILE simulated --features=FILE")


def test_a_figure_measured_again_replaces_the_older_one(report: Report) -> None:
    """Of two lines with the same name the later one counts."""
    report.add("a/b/c", 1.0, "s")
    report.add("a/b/c", 2.0, "s")

    assert [figure.value for figure in read_figures([report.options.out])] == [2.0]


def test_a_table_has_a_row_for_each_case_and_a_column_for_each_measure() -> None:
    """The last part of a name is the column, shares are percentages, and the command stands below."""
    figures = [
        Figure(f"guard/{case}/{measure}", 0.25, 0.2, 0.3, 40, "share", 0, "abc", "python -m bench")
        for case in ("x", "y")
        for measure in ("suspended", "kept")
    ]

    lines = markdown(figures).splitlines()

    assert lines[0] == "| guard | suspended | kept | n |"
    assert lines[2] == "| x | 25 % [20, 30] | 25 % [20, 30] | 40 |"
    assert lines[-1] == "`python -m bench` (seed 0, commit abc)"


def test_tables_replace_what_stands_between_the_markers() -> None:
    """Text around the markers stays; a page without them is refused."""
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert with_tables(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(SystemExit, match="figures: begin"):
        with_tables("no markers", "new")


def test_the_results_page_shows_the_figures_file() -> None:
    """docs/results.md holds the tables of docs/figures.jsonl as they are."""
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    tables = markdown(read_figures([ROOT / "docs" / "figures.jsonl"]))

    assert with_tables(page, tables) == page
