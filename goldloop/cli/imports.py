"""Imports: labels that exist, from the files of other programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, say, show
from goldloop.core.errors import SettingsError
from goldloop.formats.export import Format
from goldloop.wiring import open_workspace

app = typer.Typer()


@app.command("import")
def import_(
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="File, folder or Label Studio project with labelled samples."),
    ] = None,
    form: Annotated[Format | None, typer.Option("--format", help="Its format.")] = None,
    *,
    label_map: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="What a label of the file means; OLD= leaves its rows out."),
    ] = None,
    drawn_at_random: Annotated[
        bool,
        typer.Option(
            "--drawn-at-random", help="The samples are a random draw: a part of them calibrates confidence."
        ),
    ] = False,
    ignore_splits: Annotated[
        bool, typer.Option("--ignore-splits", help="Train on what the file has for validation or test, too.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List what was imported.")] = False,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Import labels that exist; they train models, and annotators who say otherwise decide."""
    from flows.label_studio_project import exported_project, is_address
    from goldloop.loop.import_list import list_imports
    from goldloop.loop.imports import ImportWish, import_labels
    from goldloop.reports.imports import import_problems, import_rows, listed_rows

    wiring = open_workspace(where)
    ports = wiring.ports
    if listed:
        found = list_imports(ports)
        show(found, listed_rows(found), as_json=as_json)
        return
    if source is None or form is None:
        raise SettingsError(
            "goldloop import needs a file or folder and its format, as in `goldloop import labels.csv "
            f"--format csv`; formats are {', '.join(Format)}"
        )
    origin, path = "", Path(os.path.normpath(Path(source).expanduser().absolute()))
    mapped = _mapped(label_map or [])
    if form is Format.LABEL_STUDIO and is_address(source):
        path, origin = exported_project(wiring, source)
    wish = ImportWish(form, mapped, drawn_at_random, ignore_splits, origin)
    report = import_labels(ports, path, wish)
    show(report, import_rows(report), as_json=as_json)
    for sentence in import_problems(report):
        say(sentence)
    if report.n_rows and len(report.refused) == report.n_rows:
        raise typer.Exit(1)


def _mapped(pairs: list[str]) -> dict[str, str]:
    """Return the label for each name, of texts "name=label".

    Raises:
        SettingsError: a text has no equals sign.
    """
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise SettingsError(f"--label-map takes OLD=NEW, such as cats=cat; got {wrong[0]!r}")
    parted = (pair.rpartition("=") for pair in pairs)
    return {old.strip(): new.strip() for old, _, new in parted}
