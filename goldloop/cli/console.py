"""What commands print: a table for people, JSON for scripts, and errors without a stack trace."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from goldloop.core.plain import plain

_WIDE = None if sys.stdout.isatty() else 200  # a file or a pipe has room for every column
out = Console(highlight=False, soft_wrap=True, width=_WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show(value: Any, rows: Iterable[Mapping[str, Any]], *, as_json: bool, title: str | None = None) -> None:
    """Print `value` as JSON, or `rows` as a table under `title`."""
    if as_json:
        print(json.dumps(plain(value), ensure_ascii=False, indent=2))
        return
    listed = list(rows)
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for name in listed[0] if listed else ():
        is_number = all(isinstance(row[name], (int, float)) for row in listed)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in listed:
        table.add_row(*("" if cell is None else str(cell) for cell in row.values()))
    out.print(table)


def say(sentence: str) -> None:
    """Print a sentence about progress, on standard error so that it never mixes with JSON."""
    err.print(sentence, markup=False)


def pairs(values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return a two-column table of `values`."""
    return [{"what": what, "is": value} for what, value in values.items()]
