"""Shared by all commands: their common options, the run of a flow, and how results are printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from flows.environment import prefect_environment
from flows.failures import prefect_failure
from goldloop.core.errors import GoldloopError
from goldloop.core.plain import plain
from goldloop.core.verbatim import visible
from goldloop.reports.section import Row, Section, Table
from goldloop.settings.label_record import check_labels
from goldloop.settings.workspace import Workspace

Where = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="The workspace [default: $GOLDLOOP_WORKSPACE, else the one that contains the current folder].",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_WIDE = None if sys.stdout.isatty() else 200  # a file or a pipe has room for every column


class Terminal:
    """Prints sentences and tables; the only way to a console, as it prints every word as it is."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def print(self, shown: str | RichTable, *, style: str | None = None) -> None:
        """Print a sentence, or a table of `verbatim` cells."""
        self._console.print(verbatim(shown) if isinstance(shown, str) else shown, style=style)


def verbatim(text: str) -> Text:
    """Return `text` for a console: no markup, no emoji codes, and nothing that steers the terminal."""
    return Text(visible(text))


out = Terminal(Console(soft_wrap=True, width=_WIDE))
err = Terminal(Console(soft_wrap=True, stderr=True))


def run_flow(where: Path | None, name: str, **parameters: Any) -> Any:
    """Run `name` of flows.routine against the workspace's Prefect server and return what it returns."""
    workspace = Workspace.open(where)
    check_labels(workspace.root, workspace.settings.label_set)
    os.environ.update(prefect_environment(workspace))
    from flows import routine
    from flows.runs import as_run_of

    try:
        with as_run_of(workspace):
            return getattr(routine, name)(str(workspace.root), **parameters)
    except GoldloopError:
        raise
    except Exception as error:
        failure = prefect_failure(error, os.environ["PREFECT_API_URL"])
        if failure is None:
            raise
        raise failure from error


def show(
    value: Any, rows: Iterable[Row], *, as_json: bool, title: str = "", notes: Iterable[str] = ()
) -> None:
    """Print `value` as JSON, or else `rows` as a table."""
    if as_json:
        show_json(value)
    else:
        show_table(rows, title=title, notes=notes)


def show_json(value: Any) -> None:
    """Print `value` as JSON."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=2))


def show_table(rows: Iterable[Row], *, title: str = "", notes: Iterable[str] = ()) -> None:
    """Print `rows` as a table under `title`, and then `notes` as a list."""
    table = Table(tuple(rows))
    drawn = RichTable(
        title=verbatim(title) if title else None,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for name, is_number in table.columns.items():
        drawn.add_column(verbatim(name), justify="right" if is_number else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(verbatim("" if cell is None else str(cell)) for cell in row.values()))
    out.print(drawn)
    for note in notes:
        out.print(f"- {note}")


def show_section(section: Section) -> None:
    """Print a section of a report: its remarks, its tables and what explains them."""
    for remark in section.remarks:
        out.print(f"- {remark}")
    for table in section.tables:
        show_table(table.rows, title=table.title or section.title)
    for sentence in section.notes:
        out.print(sentence)


def say(sentence: str) -> None:
    """Print a sentence about progress, on standard error so that it never mixes with JSON."""
    err.print(sentence)


def pairs(values: Mapping[str, Any]) -> Sequence[Row]:
    """Return a two-column table of `values`."""
    return [{"what": what, "is": value} for what, value in values.items()]
