"""Gold versions: listed, shown, compared, exported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, connect
from goldloop.cli.console import out, show
from goldloop.gold.export import Format

app = typer.Typer(help="Review at, compare and export gold versions.", no_args_is_help=True)


@app.command("log")
def gold_log(where: Where = None, as_json: Json = False) -> None:
    """Every gold version, newest first."""
    log = connect(where).gold.log()
    rows = [
        {
            "version": one.version,
            "samples": one.n_records,
            "added": one.n_added,
            "changed": one.n_changed,
            "removed": one.n_removed,
            "made": f"{one.created_at:%Y-%m-%d %H:%M:%S}Z",
            "digest": one.digest[:16],
            "why": one.reason,
        }
        for one in log
    ]
    show(log, rows, as_json=as_json)


@app.command("show")
def gold_show(
    version: Annotated[int | None, typer.Argument(help="Gold version; default the newest.")] = None,
    where: Where = None,
    limit: Annotated[int, typer.Option(help="Rows to print.")] = 20,
    as_json: Json = False,
) -> None:
    """The records of a gold version, checked against its digest."""
    gold = connect(where).gold
    found, records = gold.version(version), gold.records(version)
    rows = [
        {
            "sample": one.sample_id[:12],
            "label": one.label,
            "split": str(one.split),
            "why asked": str(one.purpose),
            "votes": ", ".join(f"{label} {n}" for label, n in one.votes.items()),
            "suggested": one.suggested_label,
        }
        for one in records[:limit]
    ]
    title = f"gold version {found.version}, {len(records)} samples, digest {found.digest}"
    show({"version": found, "records": records}, rows, as_json=as_json, title=title)


@app.command("diff")
def gold_diff_(
    before: Annotated[int, typer.Argument(metavar="A", help="Earlier gold version.")],
    after: Annotated[int, typer.Argument(metavar="B", help="Later gold version.")],
    where: Where = None,
    as_json: Json = False,
) -> None:
    """What differs between two gold versions."""
    from goldloop.gold.records import gold_diff

    gold = connect(where).gold
    changes = gold_diff(gold.records(before), gold.records(after))
    rows = [
        {
            "sample": one.sample_id[:12],
            "what": one.kind,
            f"label in {before}": one.before.label if one.before else None,
            f"label in {after}": one.after.label if one.after else None,
        }
        for one in changes
    ]
    show(changes, rows, as_json=as_json, title=f"{len(changes)} samples differ")


@app.command("export")
def gold_export(
    to: Annotated[Path, typer.Option(help="New file or folder.")],
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.CSV,
    version: Annotated[int | None, typer.Option(help="Gold version; default the newest.")] = None,
    where: Where = None,
) -> None:
    """Write a gold version as a table (csv, jsonl, parquet) or for an image trainer."""
    from goldloop.gold.export import export_gold

    parts = connect(where)
    found, records = parts.gold.version(version), parts.gold.records(version)
    labels = parts.workspace.settings.label_set
    is_image = parts.modality.kind == "image"
    n = export_gold(
        records,
        found,
        form=form,
        target=to,
        labels=labels,
        file_of=parts.store.file if is_image else None,
        columns_of=parts.modality.columns,
    )
    out.print(f"wrote {n} samples of gold version {found.version} to {to}", markup=False)
