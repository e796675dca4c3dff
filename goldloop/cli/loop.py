"""The loop: score, push, pull, retrain, round, serve, status and rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from goldloop.cli.common import Json, Where, connect, run_flow
from goldloop.cli.console import out, pairs, say, show
from goldloop.core.errors import GoldloopError

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
        from flows.publish import score_rows
        from flows.score import score as flow

        return (reports := flow(workspace, source)), score_rows(reports)

    workspace, (reports, rows) = run_flow(where, run)
    show(reports, rows, as_json=as_json)
    for lost in [line for report in reports for line in report.lost]:
        say(f"lost: {lost}")
    if reports[-1].model_version == "none":
        say(
            "no model yet (cold start): all samples are held; "
            "`goldloop push` sends a random draw of them to annotators"
        )
    if not as_json:
        out.print(str(conservation(connect(workspace.root).tables)), markup=False)


@app.command()
def push(where: Where = None, as_json: Json = False) -> None:
    """Choose the samples of this round and push them to Label Studio, each exactly once."""

    def run(workspace: str) -> Any:
        from flows.publish import push_rows
        from flows.push import push as flow

        return (report := flow(workspace)), push_rows(report)

    _, (report, rows) = run_flow(where, run)
    show(report, rows, as_json=as_json)
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
        from flows.publish import pull_rows
        from flows.pull import pull as flow

        return (report := flow(workspace, accept_lost=accept_lost)), pull_rows(report)

    _, (report, rows) = run_flow(where, run)
    show(report, rows, as_json=as_json)
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
        from flows.publish import pull_rows, push_rows, score_rows
        from flows.round import round_ as flow

        report = flow(workspace)
        return report, (pull_rows(report.pull), score_rows([report.score]), push_rows(report.push))

    _, (report, (pulled, scored, pushed)) = run_flow(where, run)
    if as_json:
        show(report, [], as_json=True)
        return
    from flows.publish import policy_lines

    show(None, pulled, as_json=False, title="pull")
    _show_record(report.record, report.notes, as_json=False)
    if report.policy is not None:
        for line in policy_lines(report.policy):
            out.print(f"policy: {line}", markup=False)
    show(None, scored, as_json=False, title="score")
    show(None, pushed, as_json=False, title="push")
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
    rows = [
        {
            "role": role,
            "model": evaluation.model_version,
            "accuracy on holdout, 95 %": str(evaluation.accuracy),
            "ECE, 95 %": str(evaluation.ece),
        }
        for role, evaluation in record.evaluations.items()
    ]
    show(
        record,
        rows,
        as_json=as_json,
        title=f"round {record.round}: model {record.model_version} {record.outcome}",
    )
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
    from flows.policy import cautions
    from goldloop.reports.status import read_status
    from goldloop.tables.policy_log import PolicyLog

    parts = connect(where)
    champion = problem = None
    servers: dict[str, str] = {}
    try:
        endpoints = parts.endpoints
        servers = {
            "Label Studio": endpoints.label_studio.url,
            "Prefect": endpoints.prefect.url,
            "MLflow": endpoints.mlflow.url,
        }
        champion = parts.registry.version_at("champion")
    except GoldloopError as error:
        problem = f"unknown: {error}"
    entries = PolicyLog(parts.tables.policies).entries()
    settled = [entry for entry in entries if champion in (None, entry.model_version)]
    entry = settled[-1] if settled else None
    state = read_status(
        parts.tables,
        parts.gold,
        outcomes=parts.read_outcomes().samples,
        workspace=str(parts.workspace.root),
        champion=champion,
        champion_problem=problem,
        policy=entry.policy.version if entry else None,
        cautions=cautions(parts),
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

    parts = connect(where)
    before, after = move(parts.registry, read_rounds(parts.tables.rounds), to=to)
    show(
        {"from": before, "to": after},
        pairs({"champion": f"model {before} -> model {after}"}),
        as_json=as_json,
    )
