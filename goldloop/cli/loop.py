"""The loop: score, push, pull, retrain, round, serve, status and rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from goldloop.cli.common import Json, Where, run_flow
from goldloop.cli.console import out, pairs, say, show
from goldloop.core.errors import GoldloopError
from goldloop.wiring import open_workspace

app = typer.Typer()


@app.command()
def score(
    source: Annotated[
        str | None,
        typer.Argument(help="Folder, glob, list file (.txt) or fsspec URI [default: score the pool only]."),
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Read new files, quarantine unreadable ones, and give each sample a lane."""
    from goldloop.tables.counts import conservation

    if source and "://" not in source:
        source = str(Path(source).expanduser().absolute())

    def run(workspace: str) -> Any:
        from flows.score import score as flow

        return flow(workspace, source)

    workspace, reports = run_flow(where, run)
    from goldloop.reports.steps import score_rows

    show(reports, score_rows(reports), as_json=as_json)
    for lost in [line for report in reports for line in report.lost]:
        say(f"lost: {lost}")
    if reports[-1].model_version == "none":
        say(
            "no model yet (cold start): all samples are held; "
            "`goldloop push` sends a random draw of them to annotators"
        )
    if not as_json:
        out.print(str(conservation(open_workspace(workspace.root).tables)), markup=False)


@app.command()
def push(where: Where = None, as_json: Json = False) -> None:
    """Choose the samples of this round and push them to Label Studio, each exactly once."""

    def run(workspace: str) -> Any:
        from flows.push import push as flow

        return flow(workspace)

    _, report = run_flow(where, run)
    from goldloop.reports.steps import push_rows

    show(report, push_rows(report), as_json=as_json)
    for lost in report.lost:
        say(f"lost: {lost}")


@app.command()
def pull(
    where: Where = None,
    accept_lost: Annotated[
        bool, typer.Option("--accept-lost", help="Most tasks were deleted on purpose: retract their answers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Pull the answers since the last pull and update gold."""

    def run(workspace: str) -> Any:
        from flows.pull import pull as flow

        return flow(workspace, accept_lost=accept_lost)

    _, report = run_flow(where, run)
    from goldloop.reports.steps import pull_rows

    show(report, pull_rows(report), as_json=as_json)
    for problem in report.problems:
        say(f"not counted: {problem}")


@app.command()
def retrain(where: Where = None, as_json: Json = False) -> None:
    """Train a challenger on the newest gold; the gate decides whether it becomes champion."""

    def run(workspace: str) -> Any:
        from flows.retrain import retrain as flow

        return flow(workspace)

    _, (record, notes) = run_flow(where, run)
    _show_record(record, notes, as_json=as_json)


@app.command("round")
def round_(where: Where = None, as_json: Json = False) -> None:
    """Run the weekly pass: pull, retrain, score the pool, push, and write the round's page."""

    def run(workspace: str) -> Any:
        from flows.round import round_ as flow

        return flow(workspace)

    _, report = run_flow(where, run)
    if as_json:
        show(report, [], as_json=True)
        return
    from goldloop.reports.routing import policy_lines
    from goldloop.reports.steps import pull_rows, push_rows, score_rows

    show(None, pull_rows(report.pull), as_json=False, title="pull")
    _show_record(report.record, report.notes, as_json=False)
    for line in policy_lines(report.policy):
        out.print(f"policy: {line}", markup=False)
    show(None, score_rows([report.score]), as_json=False, title="score")
    show(None, push_rows(report.push), as_json=False, title="push")
    out.print(f"page: {report.page}", markup=False)


def _show_record(record: Any, notes: list[str], *, as_json: bool) -> None:
    for note in notes:
        say(note)
    if record is None:
        show(
            None,
            pairs({"retrain": notes[-1] if notes else "no new gold since the last retrain"}),
            as_json=as_json,
        )
        return
    from goldloop.reports.steps import evaluation_rows, retrain_title

    show(record, evaluation_rows(record), as_json=as_json, title=retrain_title(record))
    if not as_json:
        for reason in record.decision.reasons:
            out.print(f"- {reason}", markup=False)


@app.command()
def serve(where: Where = None) -> None:
    """Run the schedules on this machine: a pull every 15 minutes, and the weekly round."""

    def run(workspace: str) -> Any:
        from flows.serve import serve_all

        serve_all(workspace)

    run_flow(where, run)


@app.command()
def status(where: Where = None, as_json: Json = False) -> None:
    """Show the state of files, tasks, answers, gold and models."""
    from goldloop.reports.status import read_status, server_addresses
    from goldloop.tables.policy_log import PolicyLog

    parts = open_workspace(where)
    champion = problem = None
    servers: dict[str, str] = {}
    try:
        servers = server_addresses(parts.endpoints)
        champion = parts.registry.version_at("champion")
    except GoldloopError as error:
        problem = f"unknown: {error}"
    entries = PolicyLog(parts.tables.policies).entries()
    settled = [entry for entry in entries if champion in (None, entry.model_version)]
    entry = settled[-1] if settled else None
    state = read_status(
        parts.tables,
        parts.read_state(),
        workspace=str(parts.workspace.root),
        champion=champion,
        champion_problem=problem,
        policy=entry.policy.version if entry else None,
        servers=servers,
    )
    show(state, pairs(state.lines()), as_json=as_json)


@app.command()
def rollback(
    to: Annotated[
        str | None, typer.Option(help="Model version [default: the champion before the present one].")
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Make an earlier model champion again; the next `goldloop score` uses it."""
    from goldloop.loop.challenger import rollback as move
    from goldloop.tables.rounds import read_rounds

    parts = open_workspace(where)
    before, after = move(parts.registry, read_rounds(parts.tables.rounds), to=to)
    show(
        {"from": before, "to": after},
        pairs({"champion": f"model {before} -> model {after}"}),
        as_json=as_json,
    )
