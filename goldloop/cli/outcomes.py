"""Outcomes: what became of samples later, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, out, say, show
from goldloop.modalities.content import uri_of
from goldloop.wiring import open_workspace

app = typer.Typer()


@app.command()
def outcomes(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, JSONL or Parquet with the columns id and kind.")
    ],
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Read what became of samples later, such as chargebacks; it decides labels before votes."""
    from goldloop.loop.outcomes import add_outcomes
    from goldloop.reports.outcomes import maturity_lines, outcome_problems, outcome_rows

    source = file if "://" in file else uri_of(str(Path(file).expanduser().absolute()))
    report = add_outcomes(open_workspace(where).ports, source)
    show(report, outcome_rows(report), as_json=as_json)
    for sentence in outcome_problems(report):
        say(sentence)
    if not as_json:
        for line in maturity_lines(report.maturity):
            out.print(line)
    if report.n_rows and len(report.refused) == report.n_rows:
        raise typer.Exit(1)
