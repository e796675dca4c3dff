"""The weekly review: what moderators agree on against the machine, and what they take out of training."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, say, show_json, show_section
from goldloop.wiring import open_workspace

DAYS = 7
app = typer.Typer()


@app.command()
def review(
    where: Where = None,
    *,
    since: Annotated[
        str | None,
        typer.Option(metavar="DATE", help=f"Only answers from then on; default the last {DAYS} days."),
    ] = None,
    leave_out: Annotated[
        str | None, typer.Option(metavar="SAMPLE", help="Take this sample out of training, with --reason.")
    ] = None,
    put_back: Annotated[
        str | None, typer.Option(metavar="SAMPLE", help="Let a sample that was left out train again.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why a sample is left out.")] = "",
    as_json: Json = False,
) -> None:
    """Show where machine and moderators differ, by label and rule, and write a page with the cases."""
    from goldloop.loop.left_out import leave_out as left_out
    from goldloop.loop.left_out import put_in_again
    from goldloop.reports.decisions import moment
    from goldloop.reports.review_page import write_review

    parts = open_workspace(where)
    if leave_out is not None:
        entry = left_out(parts.ports, leave_out, reason)
        say(f"left out {entry.sample_id[:12]} ({entry.reason}); the next retrain learns without it")
    if put_back is not None:
        say(f"put back {put_in_again(parts.ports, put_back)[:12]}; the next retrain learns from it again")
    if leave_out is not None or put_back is not None:
        return
    now = parts.ports.clock()
    first = now - timedelta(days=DAYS) if since is None else moment(since)
    name = f"review-{first:%Y-%m-%d}.html"
    path, found = write_review(parts.ports, parts.workspace.reports, since=first, name=name)
    if as_json:
        show_json({"page": str(path), "cases": found.cases, "answers": len(found.log)})
        return
    for section in found.summary:
        show_section(section)
    say(f"page: {path}")
