"""The report: what rounds and quarters cost, and what they brought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from goldloop.commands.common import Json, Where, connect
from goldloop.console import out, pairs, say, show

if TYPE_CHECKING:
    from goldloop.costs.report import CostReport

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
    from goldloop.costs.tables import account_lines, round_rows

    found = _read(where, name, is_quarter=is_quarter or name is not None)
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


def _read(where: Where, name: str | None, *, is_quarter: bool) -> CostReport:
    from flows.wiring import now
    from goldloop.costs.books import read_books
    from goldloop.costs.quarters import Quarter
    from goldloop.costs.report import cost_report, quarter_report

    parts = connect(where)
    settings = parts.workspace.settings
    books = read_books(
        parts.tables, parts.read_verdicts(), parts.asks.all(), parts.gold.records(), settings.label_set
    )
    if not is_quarter:
        return cost_report(books, settings)
    moment = now()
    chosen = Quarter.of(moment) if name is None else Quarter.named(name)
    return quarter_report(books, settings, chosen, now=moment)
