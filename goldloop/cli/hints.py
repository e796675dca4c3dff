"""Seed: known samples of rare labels, which steer what annotators are asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, out, say, show
from goldloop.core.errors import SettingsError
from goldloop.loop.ports import LoopPorts
from goldloop.modalities.content import uri_of
from goldloop.wiring import open_workspace

app = typer.Typer()


@app.command()
def seed(
    files: Annotated[
        list[str] | None, typer.Argument(help="Files, folders or globs with samples of one label.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The label that you know them to have.")] = None,
    *,
    where: Where = None,
    is_list: Annotated[bool, typer.Option("--list", help="Show the hints there are.")] = False,
    forget: Annotated[str | None, typer.Option(metavar="LABEL", help="Forget the hints of a label.")] = None,
    as_json: Json = False,
) -> None:
    """Give a few examples of a rare label: annotators then get samples near them. They never become gold."""
    if (bool(files) + is_list + (forget is not None) != 1) or bool(files) != (label is not None):
        raise SettingsError(
            "goldloop seed takes files and their --label, or --list, or --forget LABEL; one of the three"
        )
    ports = open_workspace(where).ports
    if files and label is not None:
        _add(ports, files, label, as_json=as_json)
    elif forget is not None:
        from goldloop.loop.hints import forget as forget_hints

        n = forget_hints(ports, forget)
        show({"forgotten": n}, [{"label": forget, "hints forgotten": n}], as_json=as_json)
    else:
        _show(ports, as_json=as_json)


def _add(ports: LoopPorts, files: list[str], label: str, *, as_json: bool) -> None:
    from goldloop.loop.hints import add_hints
    from goldloop.reports.hints import new_hint_rows, next_step

    sources = [file if "://" in file else uri_of(str(Path(file).expanduser().absolute())) for file in files]
    found = add_hints(ports, sources, label)
    show(found, new_hint_rows(found), as_json=as_json)
    if not found.n_added + found.n_known:
        raise typer.Exit(1)
    if not as_json:
        out.print(next_step(found))


def _show(ports: LoopPorts, *, as_json: bool) -> None:
    from goldloop.loop.hints import list_hints
    from goldloop.reports.hints import hint_rows

    hints = list_hints(ports)
    if as_json or hints:
        show(hints, hint_rows(hints), as_json=as_json)
    else:
        say("There are no hints: goldloop seed FILES --label LABEL")
