"""The report: what rounds and quarters cost, and what they brought."""

from __future__ import annotations

from typing import Annotated

import typer

from goldloop.cli.common import Json, Where
from goldloop.cli.console import out, pairs, say, show
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
    """What people's time cost, which errors it caught, and what it saved; by round, and in all."""
    from flows.costs import report_costs, report_quarter
    from goldloop.reports.costs_table import account_lines, round_rows

    parts = open_workspace(where)
    is_part = is_quarter or name is not None
    found = report_quarter(parts, name) if is_part else report_costs(parts)
    if as_json:
        show(found, [], as_json=True)
        return
    span = "all rounds" if found.quarter is None else str(found.quarter)
    if not found.by_round:
        say(f"No round was closed in {span}.")
        return
    show(None, pairs(account_lines(found.whole)), as_json=False, title=f"{span}, 95 % intervals")
    show(None, round_rows(found), as_json=False, title="by round")
    for assumption in found.assumptions:
        out.print(f"- not known yet, so assumed: {assumption}", markup=False)
