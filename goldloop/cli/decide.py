"""Decide: one record at a time, answered at once."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import typer

from goldloop.cli.common import Where, say
from goldloop.wiring import open_workspace

app = typer.Typer()


@app.command()
def decide(where: Where = None) -> None:
    """Decide records from standard input, a JSON object a line, and answer each with one line of JSON."""
    from goldloop.loop.decide import LiveDecision, open_decisions

    decisions, is_bad = open_decisions(open_workspace(where).ports), False
    for warning in decisions.writer.model.warnings:
        say(f"warning: {warning}")
    try:
        for number, line in enumerate(sys.stdin, start=1):
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
                if not isinstance(fields, dict):
                    raise ValueError(f"it is a JSON {type(fields).__name__}, not an object")
                told = decisions.decide(fields)
            except (ValueError, RecursionError) as error:
                told = LiveDecision("", problem=f"line {number} is no record: {error}")
            is_bad |= told.problem is not None
            print(
                json.dumps({name: one for name, one in asdict(told).items() if one is not None}), flush=True
            )
            decisions.flush_if_due()
    finally:
        if not decisions.flush():
            say("another process scores: what was decided is in the journal until the next `goldloop score`")
    if is_bad:
        raise typer.Exit(1)
