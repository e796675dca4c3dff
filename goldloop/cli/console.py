"""What commands print: tables and sections for people, JSON for scripts, errors without a stack trace."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from goldloop.core.plain import plain
from goldloop.reports.section import Row, Section, Table

_WIDE = None if sys.stdout.isatty() else 200  # a file or a pipe has room for every column
out = Console(highlight=False, soft_wrap=True, width=_WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show(value: Any, rows: Iterable[Mapping[str, Any]], *, as_json: bool, title: str | None = None) -> None:
    """Print `value` as JSON, or `rows` as a table under `title`."""
    if as_json:
        print(json.dumps(plain(value), ensure_ascii=False, indent=2))
        return
    table = Table(tuple(rows))
    drawn = RichTable(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for name, is_number in table.columns.items():
        drawn.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*("" if cell is None else str(cell) for cell in row.values()))
    out.print(drawn)


def show_section(section: Section) -> None:
    """Print a section of a report: its remarks, its tables and what explains them."""
    for remark in section.remarks:
        out.print(f"- {remark}", markup=False)
    for table in section.tables:
        show(None, table.rows, as_json=False, title=table.title or section.title)
    for sentence in section.notes:
        out.print(sentence, markup=False)


def say(sentence: str) -> None:
    """Print a sentence about progress, on standard error so that it never mixes with JSON."""
    err.print(sentence, markup=False)


def pairs(values: Mapping[str, Any]) -> Sequence[Row]:
    """Return a two-column table of `values`."""
    return [{"what": what, "is": value} for what, value in values.items()]
