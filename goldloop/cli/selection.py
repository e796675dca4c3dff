"""Selection: which strategy would have paid on the workspace's own gold."""

from __future__ import annotations

from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, say, show
from goldloop.wiring import open_workspace

app = typer.Typer(help="How goldloop chooses the samples that annotators label next.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `compare` a word of its own, although it is the only command of the group."""


@app.command("compare")
def selection_compare(
    where: Where = None,
    n_seeds: Annotated[
        int, typer.Option("--seeds", min=2, help="Runs of each strategy; more runs, narrower intervals.")
    ] = 5,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed [default: selection.seed].")] = None,
    as_json: Json = False,
) -> None:
    """Simulate on your own gold which strategy would have paid; changes nothing and needs no server."""
    from goldloop.loop.selection import compare
    from goldloop.reports.strategies import LIMITS, strategy_rows, strategy_title, strategy_verdict

    parts, notes = open_workspace(where), list[str]()
    settings = parts.settings.selection
    found = compare(parts.ports, notes, n_seeds=n_seeds, seed=settings.seed if seed is None else seed)
    for note in notes:
        say(note)
    verdict = strategy_verdict(found, strategy=settings.strategy)
    value = {"comparison": found, "paying": found.paying, "verdict": verdict, "limits": LIMITS}
    show(value, strategy_rows(found), as_json=as_json, title=strategy_title(found), notes=[*verdict, *LIMITS])
