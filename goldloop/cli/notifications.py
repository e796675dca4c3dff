"""The command that shows what was told to whom, and tries the receivers."""

from __future__ import annotations

from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, pairs, say, show
from goldloop.loop.notify import Told, read_record, try_receivers
from goldloop.reports.section import Row
from goldloop.wiring import open_workspace

app = typer.Typer()
_MOST = 20


@app.command()
def notifications(
    where: Where = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test to every receiver.")] = False,
    as_json: Json = False,
) -> None:
    """Show which events were told to whom; with --test, send a test and say what each receiver answered."""
    wiring = open_workspace(where)
    found = wiring.receivers()
    if not found:
        say("nobody is told: goldloop.toml has neither notifications.email_to nor notifications.webhook")
    if test:
        answers = try_receivers(found, now=wiring.ports.clock())
        show(answers, pairs({name: problem or "taken" for name, problem in answers.items()}), as_json=as_json)
        if any(answers.values()):
            raise typer.Exit(1)
        return
    told = read_record(wiring.workspace.notifications).told[-_MOST:]
    show(told, [_row(one) for one in told] or pairs({"told": "nothing yet"}), as_json=as_json)


def _row(told: Told) -> Row:
    return {
        "when": f"{told.event.at:%Y-%m-%d %H:%M}Z",
        "event": str(told.event.name),
        "what": told.event.title,
        "told": ", ".join(told.sent) or "nobody",
        "failed": "; ".join(told.failed.values()),
    }
