"""What commands print: a table for people, JSON for scripts, and errors without a stack trace."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_WIDE = None if sys.stdout.isatty() else 200  # a file or a pipe has room for every column
out = Console(highlight=False, soft_wrap=True, width=_WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def plain(value: Any) -> Any:
    """Return `value` in the types JSON knows."""
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    return _plain_single(value)


def _plain_single(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value


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
