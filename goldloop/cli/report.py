"""The report: what rounds and quarters cost, and what they brought."""

from __future__ import annotations

from typing import Annotated

import typer

from goldloop.cli.common import Json, Where
from goldloop.cli.console import say, show, show_section
from goldloop.wiring import open_workspace

app = typer.Typer()


@app.command()
def report(
    name: Annotated[
        str | None, typer.Argument(metavar="QUARTER", help="A quarter such as 2026Q4; default the present.")
    ] = None,
    where: Where = None,
    is_quarter: Annotated[
        bool, typer.Option("--quarter", help="Report a quarter instead of all rounds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What annotators' time cost, which errors it caught, and what it saved; by round, and in all."""
    from goldloop.core.clock import now
    from goldloop.costs.report import Quarter, cost_report
    from goldloop.reports.costs import cost_section, read_cost_inputs

    wiring, moment = open_workspace(where), now()
    settings = wiring.settings
    quarter = Quarter.of(moment) if name is None else Quarter.named(name)
    inputs = read_cost_inputs(wiring.tables, wiring.read_state(), settings)
    is_part = is_quarter or name is not None
    costs = cost_report(inputs, settings, now=moment, quarter=quarter if is_part else None)
    if as_json:
        show(costs, [], as_json=True)
    elif not costs.by_round:
        say(f"No round was closed in {quarter}.")
    else:
        show_section(cost_section(costs))
