"""The report: what rounds and quarters cost, and what they brought."""

from __future__ import annotations

from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, connect
from goldloop.cli.console import say, show, show_section

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
    from goldloop.costs.inputs import read_books
    from goldloop.costs.quarters import Quarter
    from goldloop.costs.report import cost_report, quarter_report
    from goldloop.reports.costs import cost_section

    parts, moment = connect(where), now()
    settings = parts.workspace.settings
    quarter = Quarter.of(moment) if name is None else Quarter.named(name)
    requests, gold = parts.answer_requests.all(), parts.gold.records()
    books = read_books(parts.tables, parts.read_outcomes(), requests, gold, settings.label_set)
    is_part = is_quarter or name is not None
    costs = quarter_report(books, settings, quarter, now=moment) if is_part else cost_report(books, settings)
    if as_json:
        show(costs, [], as_json=True)
    elif not costs.by_round:
        say(f"No round was closed in {quarter}.")
    else:
        show_section(cost_section(costs))
