"""The loop: score, push, pull, retrain, round, status and rollback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from goldloop.cli.common import Json, Where, out, pairs, run_flow, say, show, show_json, show_table
from goldloop.core.errors import SourceError
from goldloop.loop.score import Engine
from goldloop.modalities.content import is_database, uri_of
from goldloop.reports.checks import check_lines
from goldloop.reports.compaction import compaction_sentence
from goldloop.reports.quarantine import quarantine_examples
from goldloop.reports.steps import evaluation_rows, pull_rows, push_rows, retrain_title, score_rows
from goldloop.tables.counts import conservation
from goldloop.wiring import Wiring, open_workspace

app = typer.Typer()


@app.command()
def score(
    source: Annotated[
        str | None,
        typer.Argument(
            help="Folder, glob, list file (.txt), fsspec URI, or for texts and records a table of a "
            "database, postgresql://user@host/db?table=NAME [default: score the pool only]."
        ),
    ] = None,
    *,
    query: Annotated[
        str | None, typer.Option(help="The rows of a database: a SELECT that gives an id and the fields.")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Score one share of the source, such as 1/4, while other processes or machines score the "
            "others [default: the whole source]."
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="ray: score the files with workers on Ray [default: in this process]."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers on Ray [default: one a core of this machine].")
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_ADDRESS",
            help="Address of a Ray cluster, whose machines have this workspace at the same path [default: "
            "workers on this machine].",
        ),
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Read new files, quarantine unreadable ones, and give each sample a lane."""
    chosen = _engine(engine, workers, ray_address)
    if source is None and (shard is not None or chosen is not None):
        raise SourceError("--shard and --engine need a source whose files they share out")
    if shard is not None and chosen is not None:
        raise SourceError("--shard and --engine both share out the files of a source; give one of them")
    reports = run_flow(where, "score", source=absolute(source, query), shard=shard, engine=chosen)
    show(reports, score_rows(reports), as_json=as_json)
    for lost in [line for report in reports for line in report.lost]:
        say(f"lost: {lost}")
    for warning in reports[-1].warnings:
        say(f"warning: {warning}")
    for line in quarantine_examples(reports):
        say(line)
    if reports[-1].model_version == "none":
        say(
            "no model yet (cold start): all samples are held; "
            "`goldloop push` sends a random draw of them to annotators"
        )
    if not as_json:
        out.print(str(conservation(open_workspace(where).tables)))


def _engine(name: str | None, n_workers: int | None, address: str | None) -> Engine | None:
    """Return the engine that options choose, None for this process."""
    if name is None:
        if n_workers is not None:
            raise SourceError("--workers needs --engine ray")
        return None
    if name != "ray":
        raise SourceError(f"there is no engine {name!r}; --engine takes ray")
    return Engine(n_workers or os.cpu_count() or 1, address)


def absolute(source: str | None, query: str | None) -> str | None:
    """Return `source` as a flow takes it, which may run in another folder."""
    if source and is_database(source):
        from goldloop.modalities.rows.database import database_of

        return database_of(source, query).source
    if query:
        raise SourceError("--query needs the address of a database, such as postgresql://user@host/db")
    if source and "://" not in source:
        return uri_of(str(Path(source).expanduser().absolute()))
    return source


@app.command()
def push(where: Where = None, as_json: Json = False) -> None:
    """Choose the samples of this round and push them to Label Studio, each exactly once."""
    report = run_flow(where, "push")
    show(report, push_rows(report), as_json=as_json)
    for lost in report.lost:
        say(f"lost: {lost}")
    if report.purposes:
        say(
            f"annotators answer at {open_workspace(where).queue().project_urls()['labeling']} "
            "(`goldloop annotator add E-MAIL` makes a login); `goldloop round` takes in what they said"
        )


@app.command()
def pull(
    where: Where = None,
    accept_lost: Annotated[
        bool, typer.Option("--accept-lost", help="Answers were deleted on purpose: remove them from gold.")
    ] = False,
    keep_lost: Annotated[
        bool,
        typer.Option(
            "--keep-lost", help="Answers vanished from the server: keep them, push open tasks again."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Pull the answers since the last pull and update gold."""
    report = run_flow(where, "pull", accept_lost=accept_lost, keep_lost=keep_lost)
    show(report, pull_rows(report), as_json=as_json)
    for problem in report.problems:
        say(f"not counted: {problem}")
    for sentence in report.misnamed:
        say(f"named wrongly: {sentence}")
    for stranger in report.strangers:
        say(f"left alone: {stranger}")


@app.command()
def retrain(where: Where = None, as_json: Json = False) -> None:
    """Train a challenger on the newest gold; the gate decides whether it becomes champion."""
    record, notes = run_flow(where, "retrain")
    _show_record(record, notes, as_json=as_json)
    if record is not None and not as_json:
        _show_runs(open_workspace(where))


@app.command("round")
def round_(where: Where = None, as_json: Json = False) -> None:
    """Run the weekly pass: pull, retrain, score the pool, push, and write the round's page and decisions."""
    from goldloop.reports.routing import policy_lines  # draws, with matplotlib

    report = run_flow(where, "round_")
    if as_json:
        show_json(report)
        return
    show_table(pull_rows(report.pull), title="pull")
    _show_record(report.record, report.notes, as_json=False)
    for warning in report.score.warnings:
        say(f"warning: {warning}")
    for line in policy_lines(report.policy):
        out.print(f"policy: {line}")
    show_table(score_rows([report.score]), title="score")
    show_table(push_rows(report.push), title="push")
    out.print(f"tables: {compaction_sentence(report.compacted)}")
    out.print(f"page: {report.page}")
    _show_runs(open_workspace(where))


def _show_runs(wiring: Wiring) -> None:
    for title, address in wiring.runs.pages().items():
        out.print(f"{title}: {address}")


def _show_record(record: Any, notes: list[str], *, as_json: bool) -> None:
    for note in notes:
        say(note)
    if record is None:
        why = notes[-1] if notes else "no new labels since the last retrain"
        show(None, pairs({"retrain": why}), as_json=as_json)
        return
    title, sentences = retrain_title(record), (*record.decision.reasons, *check_lines(record.checks))
    show(record, evaluation_rows(record), as_json=as_json, title=title, notes=sentences)


@app.command()
def status(where: Where = None, as_json: Json = False) -> None:
    """Show the state of files, tasks, answers, gold and models."""
    from flows.present import present_status

    state = present_status(open_workspace(where))
    show(state, pairs(state.lines()), as_json=as_json)


@app.command()
def rollback(
    to: Annotated[
        str | None, typer.Option(help="Version, or none [default: the champion before the present one].")
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Make a model champion again, and bring it back if MLflow lost it; the next `goldloop score` uses it."""
    from goldloop.loop.rollback import rollback as move

    notes: list[str] = []
    before, after = move(open_workspace(where).ports, notes, to=to)
    for note in notes:
        say(note)
    lines = pairs({"champion": f"model {before} -> model {after}"})
    show({"from": before, "to": after}, lines, as_json=as_json)
