"""Appeals: add an author's objection to a label, and see what became of each."""

from __future__ import annotations

from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, say, show
from goldloop.wiring import open_workspace

app = typer.Typer(help="Objections of authors to the labels of their samples.", no_args_is_help=True)


@app.command("add")
def appeal_add(
    sample: Annotated[
        str,
        typer.Argument(metavar="SAMPLE", help="The id of a row, a place, or the beginning of a sample_id."),
    ],
    reason: Annotated[str, typer.Option(help="What the author says; moderators see it.")],
    where: Where = None,
) -> None:
    """Let two people who have not decided a sample look again; an adjudicator decides where they differ."""
    from goldloop.loop.appeals import add_appeal

    appeal = add_appeal(open_workspace(where).ports, sample, reason)
    by = "moderators" if appeal.is_gold else "the machine alone"
    say(f"appeal against {appeal.label_before!r} of {appeal.sample_id[:12]}, given by {by}")
    say("next: two people answer it in the queue Appeals; `goldloop appeal list` shows the decision")


@app.command("list")
def appeal_list(where: Where = None, as_json: Json = False) -> None:
    """Show every appeal and what became of it."""
    from goldloop.loop.appeals import list_appeals
    from goldloop.reports.appeals import appeal_rows

    outcomes = list_appeals(open_workspace(where).ports)
    if as_json or outcomes:
        show(outcomes, appeal_rows(outcomes), as_json=as_json, title=f"{len(outcomes)} appeals")
    else:
        say("There are no appeals: goldloop appeal add SAMPLE --reason TEXT")
