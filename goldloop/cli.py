"""The command line. Every command opens the workspace, does one thing and says what it did."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldloop import __version__
from goldloop.console import err, out, pairs, say, show
from goldloop.errors import GoldloopError, ServiceUnreachableError
from goldloop.export import Format
from goldloop.workspace import Workspace

if TYPE_CHECKING:
    from flows.wiring import Parts

app = typer.Typer(
    name="goldloop",
    help="A human-in-the-loop labelling loop whose labels and numbers can be trusted.\n\n"
    "Begin with: goldloop init DIR --labels cat,dog, then goldloop up, score, push; "
    "people answer in Label Studio; then goldloop round, once a week.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
gold_app = typer.Typer(help="Look at, compare and export gold versions.", no_args_is_help=True)
annotator_app = typer.Typer(help="The people who answer.", no_args_is_help=True)
app.add_typer(gold_app, name="gold")
app.add_typer(annotator_app, name="annotator")

Where = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="The workspace; default $GOLDLOOP_WORKSPACE, else the one around the current folder.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def main() -> None:
    """Run the command line; an expected failure is one sentence on standard error and exit code 1."""
    try:
        app()
    except GoldloopError as error:
        err.print(f"error: {error}", markup=False, style="red")
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("interrupted; run the same command again, it goes on from here", markup=False)
        sys.exit(130)


def _connect(where: Path | None) -> Parts:
    from flows.wiring import Parts

    return Parts(Workspace.open(where))


def _run_flow(where: Path | None, run: Callable[[str], Any]) -> tuple[Workspace, Any]:
    """Run a flow against the workspace's Prefect server; return the workspace and what the flow returned."""
    workspace = Workspace.open(where)
    from flows.wiring import prefect_environment

    os.environ.update(prefect_environment(workspace))
    import httpx

    try:
        return workspace, run(str(workspace.root))
    except (httpx.TransportError, RuntimeError) as error:
        if isinstance(error, httpx.TransportError) or "Failed to reach API" in str(error):
            raise ServiceUnreachableError(
                f"Prefect at {os.environ['PREFECT_API_URL']} does not answer ({error}); run 'goldloop up'"
            ) from error
        raise


def _version(value: bool) -> None:
    if value:
        out.print(f"goldloop {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new workspace.")],
    *,
    labels: Annotated[str, typer.Option(help="The label set in order, separated by commas.")],
    name: Annotated[
        str | None, typer.Option(help="Names the project and the model; default the folder's name.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="Model: tiny (up to 64 px), resnet18 or convnext_tiny (224 px).")
    ] = "tiny",
    band: Annotated[tuple[float, float], typer.Option(help="Confidence people review.")] = (0.40, 0.70),
    budget: Annotated[int, typer.Option(help="Annotations asked of people per round.")] = 200,
    overlap: Annotated[int, typer.Option(help="Different people who answer each task.")] = 1,
    audit_rate: Annotated[
        float, typer.Option(help="Share of all samples reserved for the blind audit.")
    ] = 0.10,
    cron: Annotated[str, typer.Option(help="When the weekly round runs.")] = "0 6 * * 1",
    timezone: Annotated[str, typer.Option(help="Time zone of the cron.")] = "UTC",
) -> None:
    """Make a workspace: a folder with goldloop.toml, ready for 'goldloop up'."""
    settings: dict[str, object] = {
        "labels": [one.strip() for one in labels.split(",") if one.strip()],
        "policy": {"band": band},
        "selection": {"budget_per_round": budget, "overlap": overlap, "audit_rate": audit_rate},
        "model": {"preset": preset},
        "schedule": {"cron": cron, "timezone": timezone},
    }
    workspace = Workspace.create(folder, **(settings | ({"name": name} if name else {})))
    out.print(f"made {workspace.root}; every setting is in goldloop.toml", markup=False)
    out.print(f"next: goldloop up -w {folder}", markup=False)


@app.command()
def up(
    where: Where = None,
    move_ports: Annotated[
        bool, typer.Option(help="Take a new port where another program holds ours.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start Label Studio, Prefect and MLflow, or check those that run elsewhere."""
    from goldloop.adapters.services import up as start

    workspace = Workspace.open(where)
    found = start(workspace, say=say, move_ports=move_ports)
    label_studio = found.label_studio
    addresses = {"Label Studio": label_studio.url, "Prefect": found.prefect.url, "MLflow": found.mlflow.url}
    lines = dict(addresses)
    if label_studio.username:
        lines["Label Studio login"] = f"{label_studio.username} / {label_studio.password}"
    if found.prefect.auth:
        lines["Prefect login"] = f"admin string {found.prefect.auth}"
    show(addresses, pairs(lines), as_json=as_json)


@app.command()
def down(where: Where = None) -> None:
    """End exactly the servers that 'goldloop up' started."""
    from goldloop.adapters.services import down as stop

    stop(Workspace.open(where), say=say)


@app.command()
def score(
    source: Annotated[
        str | None,
        typer.Argument(
            help="Folder, glob, list file (.txt) or fsspec URI; without it the backlog is scored."
        ),
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Read new files, set bad ones aside, and give each sample a lane."""
    from goldloop.rounds import conservation

    if source and "://" not in source:
        source = str(Path(source).expanduser().absolute())

    def run(workspace: str) -> Any:
        from flows.publish import score_rows
        from flows.score import score as flow

        return (reports := flow(workspace, source)), score_rows(reports)

    workspace, (reports, rows) = _run_flow(where, run)
    show(reports, rows, as_json=as_json)
    for lost in [line for report in reports for line in report.lost]:
        say(f"lost: {lost}")
    if reports[-1].model_version == "none":
        say(
            "no model yet (cold start): everything is held; "
            "'goldloop push' sends a random seed draw to people"
        )
    if not as_json:
        out.print(str(conservation(_connect(workspace.root).tables)), markup=False)


@app.command()
def push(where: Where = None, as_json: Json = False) -> None:
    """Choose this round's samples and push them into Label Studio, each exactly once."""

    def run(workspace: str) -> Any:
        from flows.publish import push_rows
        from flows.push import push as flow

        return (report := flow(workspace)), push_rows(report)

    _, (report, rows) = _run_flow(where, run)
    show(report, rows, as_json=as_json)
    for lost in report.lost:
        say(f"lost: {lost}")


@app.command()
def pull(where: Where = None, as_json: Json = False) -> None:
    """Pull what people answered since the last pull into a new gold version."""

    def run(workspace: str) -> Any:
        from flows.publish import pull_rows
        from flows.pull import pull as flow

        return (report := flow(workspace)), pull_rows(report)

    _, (report, rows) = _run_flow(where, run)
    show(report, rows, as_json=as_json)
    for problem in report.problems:
        say(f"not counted: {problem}")


@app.command()
def retrain(where: Where = None, as_json: Json = False) -> None:
    """Train a challenger on the newest gold and let the gate decide."""

    def run(workspace: str) -> Any:
        from flows.retrain import retrain as flow

        return flow(workspace)

    _, (record, notes) = _run_flow(where, run)
    _show_record(record, notes, as_json=as_json)


@app.command("round")
def round_(where: Where = None, as_json: Json = False) -> None:
    """The weekly pass: pull, retrain, score the backlog, push, and write the round's page."""

    def run(workspace: str) -> Any:
        from flows.publish import pull_rows, push_rows, score_rows
        from flows.round import round_ as flow

        report = flow(workspace)
        return report, (pull_rows(report.pull), score_rows([report.score]), push_rows(report.push))

    _, (report, (pulled, scored, pushed)) = _run_flow(where, run)
    if as_json:
        show(report, [], as_json=True)
        return
    show(None, pulled, as_json=False, title="pull")
    _show_record(report.record, report.notes, as_json=False)
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
            "model": one.model_version,
            "accuracy on holdout, 95 %": str(one.accuracy),
            "ECE": f"{one.ece:.3f}",
        }
        for role, one in record.evaluations.items()
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
    """Run the schedules on this machine: pull every 15 minutes, the weekly round by its cron."""

    def run(workspace: str) -> Any:
        from flows.serve import serve_all

        serve_all(workspace)

    _run_flow(where, run)


@app.command()
def status(where: Where = None, as_json: Json = False) -> None:
    """Where every file, task, answer, gold version and model stands."""
    from goldloop.status import read_status

    parts = _connect(where)
    champion = problem = None
    servers: dict[str, str] = {}
    try:
        found = parts.endpoints
        servers = {
            "Label Studio": found.label_studio.url,
            "Prefect": found.prefect.url,
            "MLflow": found.mlflow.url,
        }
        champion = parts.registry.version_at("champion")
    except GoldloopError as error:
        problem = f"unknown: {error}"
    found_status = read_status(
        parts.tables,
        parts.gold,
        workspace=str(parts.workspace.root),
        champion=champion,
        champion_problem=problem,
        servers=servers,
    )
    show(found_status, pairs(found_status.lines()), as_json=as_json)


@app.command()
def rollback(
    to: Annotated[
        str | None, typer.Option(help="Model version; default the champion before the present one.")
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Make an earlier model champion again; the next score gives its word on the backlog."""
    from goldloop.retraining import rollback as move
    from goldloop.rounds import read_rounds

    parts = _connect(where)
    before, after = move(parts.registry, read_rounds(parts.tables.rounds), to=to)
    show(
        {"from": before, "to": after},
        pairs({"champion": f"model {before} -> model {after}"}),
        as_json=as_json,
    )


@gold_app.command("log")
def gold_log(where: Where = None, as_json: Json = False) -> None:
    """Every gold version, newest first."""
    log = _connect(where).gold.log()
    rows = [
        {
            "version": one.version,
            "samples": one.n_records,
            "added": one.n_added,
            "changed": one.n_changed,
            "removed": one.n_removed,
            "made": f"{one.created_at:%Y-%m-%d %H:%M:%S}Z",
            "digest": one.digest[:16],
            "why": one.reason,
        }
        for one in log
    ]
    show(log, rows, as_json=as_json)


@gold_app.command("show")
def gold_show(
    version: Annotated[int | None, typer.Argument(help="Gold version; default the newest.")] = None,
    where: Where = None,
    limit: Annotated[int, typer.Option(help="Rows to print.")] = 20,
    as_json: Json = False,
) -> None:
    """The records of a gold version, checked against its digest."""
    gold = _connect(where).gold
    found, records = gold.version(version), gold.records(version)
    rows = [
        {
            "sample": one.sample_id[:12],
            "label": one.label,
            "split": str(one.split),
            "why asked": str(one.purpose),
            "votes": ", ".join(f"{label} {n}" for label, n in one.votes.items()),
            "suggested": one.suggested_label,
        }
        for one in records[:limit]
    ]
    title = f"gold version {found.version}, {len(records)} samples, digest {found.digest}"
    show({"version": found, "records": records}, rows, as_json=as_json, title=title)


@gold_app.command("diff")
def gold_diff_(
    before: Annotated[int, typer.Argument(metavar="A", help="Earlier gold version.")],
    after: Annotated[int, typer.Argument(metavar="B", help="Later gold version.")],
    where: Where = None,
    as_json: Json = False,
) -> None:
    """What differs between two gold versions."""
    from goldloop.gold import gold_diff

    gold = _connect(where).gold
    changes = gold_diff(gold.records(before), gold.records(after))
    rows = [
        {
            "sample": one.sample_id[:12],
            "what": one.kind,
            f"label in {before}": one.before.label if one.before else None,
            f"label in {after}": one.after.label if one.after else None,
        }
        for one in changes
    ]
    show(changes, rows, as_json=as_json, title=f"{len(changes)} samples differ")


@gold_app.command("export")
def gold_export(
    to: Annotated[Path, typer.Option(help="New file or folder.")],
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.CSV,
    version: Annotated[int | None, typer.Option(help="Gold version; default the newest.")] = None,
    where: Where = None,
) -> None:
    """Write a gold version for a notebook (csv, parquet) or a trainer (imagefolder, coco-cls)."""
    from goldloop.export import export_gold

    parts = _connect(where)
    found, records = parts.gold.version(version), parts.gold.records(version)
    labels = parts.workspace.settings.label_set
    n = export_gold(records, found, form=form, target=to, labels=labels, file_of=parts.store.file)
    out.print(f"wrote {n} samples of gold version {found.version} to {to}", markup=False)


@annotator_app.command("add")
def annotator_add(
    email: Annotated[str, typer.Argument(help="The person's e-mail address, their Label Studio login.")],
    name: Annotated[str, typer.Option(help="First name shown in Label Studio.")] = "",
    where: Where = None,
) -> None:
    """Make a Label Studio login for a person and print its first password, once."""
    import secrets

    from goldloop.adapters.label_studio import add_annotator

    server = _connect(where).endpoints.label_studio
    password = secrets.token_urlsafe(12)
    person = add_annotator(server.url, server.token, email=email, password=password, first_name=name)
    rows = pairs(
        {
            "login": f"{server.url}/user/login/",
            "e-mail": email,
            "password": password,
            "annotator": person.user_id,
        }
    )
    show(None, rows, as_json=False)
    out.print(
        "hand the password over by a safe way; it is not stored and will not be shown again", markup=False
    )
