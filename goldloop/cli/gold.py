"""Gold versions: listed, shown, compared, exported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, out, show
from goldloop.core.clock import now
from goldloop.formats.export import Format, export_gold, export_notes
from goldloop.formats.gold_export import GoldExport
from goldloop.gold.records import gold_diff
from goldloop.reports.section import Row
from goldloop.tables.named_versions import save_export
from goldloop.wiring import open_workspace

app = typer.Typer(help="List, show, compare and export gold versions.", no_args_is_help=True)


@app.command("log")
def gold_log(
    where: Where = None,
    every: Annotated[
        bool, typer.Option("--all", help="List also the versions whose content was removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the gold versions, newest first."""
    found = open_workspace(where).gold.log()
    log = [version for version in found if every or version.removed_at is None]
    rows: list[Row] = [
        {
            "version": version.version,
            "samples": version.n_records,
            "added": version.n_added,
            "changed": version.n_changed,
            "removed": version.n_removed,
            "made": f"{version.created_at:%Y-%m-%d %H:%M:%S}Z",
            "digest": version.digest[:16],
            "why": version.reason,
            **({"removed": f"{version.removed_at:%Y-%m-%d}" if version.removed_at else ""} if every else {}),
        }
        for version in log
    ]
    n_others = len(found) - len(log)
    notes = [f"{n_others:,} older versions that nothing names were removed: --all"] if n_others else []
    show(log, rows, as_json=as_json, notes=notes)


@app.command("show")
def gold_show(
    version: Annotated[int | None, typer.Argument(help="Gold version [default: the newest].")] = None,
    where: Where = None,
    limit: Annotated[int, typer.Option(help="Rows to print.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the records of a gold version, checked against its digest."""
    gold = open_workspace(where).gold
    shown, records = gold.version(version), gold.records(version)
    rows = [
        {
            "sample": record.sample_id[:12],
            "label": record.label,
            "split": str(record.split),
            "purpose": str(record.purpose),
            "votes": ", ".join(f"{label} {n}" for label, n in record.votes.items()),
            "suggested": record.suggested_label,
        }
        for record in records[:limit]
    ]
    title = f"gold version {shown.version}, {len(records)} samples, digest {shown.digest}"
    show({"version": shown, "records": records}, rows, as_json=as_json, title=title)


@app.command("diff")
def gold_difference(
    before: Annotated[int, typer.Argument(metavar="A", help="Earlier gold version.")],
    after: Annotated[int, typer.Argument(metavar="B", help="Later gold version.")],
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Show the difference between two gold versions."""
    gold = open_workspace(where).gold
    changes = gold_diff(gold.records(before), gold.records(after))
    rows = [
        {
            "sample": change.sample_id[:12],
            "change": change.kind,
            f"label in {before}": change.before.label if change.before else None,
            f"label in {after}": change.after.label if change.after else None,
        }
        for change in changes
    ]
    show(changes, rows, as_json=as_json, title=f"{len(changes)} samples differ")


@app.command("export")
def gold_export(
    to: Annotated[Path, typer.Option(help="New file or folder.")],
    form: Annotated[Format, typer.Option("--format", help="File format.")] = Format.CSV,
    version: Annotated[int | None, typer.Option(help="Gold version [default: the newest].")] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the samples for the cards, such as CC-BY-4.0.")
    ] = None,
    where: Where = None,
) -> None:
    """Export a gold version to a file or a folder that other programs read."""
    parts = open_workspace(where)
    exported = parts.gold.version(version)
    if exported.removed_at is None:
        save_export(parts.tables.exports, exported, str(form), at=now())
    export = GoldExport(
        records=parts.gold.records(exported.version),
        version=exported,
        labels=parts.settings.label_set,
        file_of=parts.modality.store.file if parts.settings.kind == "image" else None,
        columns_of=parts.modality.columns,
        name=parts.settings.name,
        licence=licence,
    )
    n = export_gold(export, form, to)
    out.print(f"wrote {n} samples of gold version {exported.version} to {to}")
    for note in export_notes(export, form):
        out.print(f"- {note}")
