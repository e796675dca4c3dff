"""Commands for a workspace, its servers, and the logins of its annotators."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from flows.cron import check_cron
from goldloop.backup import back_up
from goldloop.backup import restore as restored
from goldloop.cli.common import Json, Where, out, pairs, say, show, show_table
from goldloop.core.errors import SettingsError
from goldloop.core.labels import parsed_labels
from goldloop.core.tasks import Purpose
from goldloop.loop.compact import WORK
from goldloop.loop.compact import compact as compact_tables
from goldloop.reports.compaction import compaction_rows, compaction_sentence
from goldloop.settings import ALONE, decisions_by_cost
from goldloop.settings.sections import ScheduleSettings
from goldloop.settings.workspace import Workspace
from goldloop.tables.counts import conservation
from goldloop.tables.task_log import TaskLog
from goldloop.wiring import Wiring, open_workspace

app = typer.Typer()
_SCHEDULE = (ScheduleSettings().cron, ScheduleSettings().timezone)
annotator_app = typer.Typer(help="Logins of annotators.", no_args_is_help=True)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new workspace.")],
    *,
    labels: Annotated[str, typer.Option(help='The label set in order, as CSV: a,b,"c, d".')],
    name: Annotated[
        str | None, typer.Option(help="Names the project and the model; default the folder's name.")
    ] = None,
    kind: Annotated[
        str, typer.Option(help="What is labelled: image (files), text or records (rows).")
    ] = "image",
    like: Annotated[
        str | None,
        typer.Option(
            help="A file of records, or a table of a database: [records] begins with the fields that its "
            "first rows have."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Model. Images: auto (default: chosen from the first pictures), tiny (small and grey), "
            "efficientnet_lite0 (photographs), frozen_convnext_tiny, dinov2_vits14 (weights are downloaded), "
            "resnet18, convnext_tiny (trained whole). Texts: words, minilm (sentence embeddings), "
            "bge_small (stronger ones; weights are downloaded). Records: lightgbm, logistic"
        ),
    ] = None,
    band: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Confidence people review; default 0.40 0.70 for images, 0 0.85 for rows."),
    ] = None,
    budget: Annotated[int, typer.Option(help="Annotations asked of people per round.")] = 200,
    overlap: Annotated[int, typer.Option(help="Different people asked about each task at first.")] = 1,
    alone: Annotated[
        bool, typer.Option("--alone", help="One annotator: each answer is gold, no task is asked twice.")
    ] = False,
    audit_rate: Annotated[
        float, typer.Option(help="Share of all samples reserved for the blind audit.")
    ] = 0.10,
    cron: Annotated[str, typer.Option(help="When the weekly round runs.")] = _SCHEDULE[0],
    timezone: Annotated[str, typer.Option(help="Time zone of the cron.")] = _SCHEDULE[1],
) -> None:
    """Create a workspace: a folder with goldloop.toml."""
    if (cron, timezone) != _SCHEDULE:  # Prefect takes seconds to import
        check_cron(cron, timezone)
    settings: dict[str, object] = {
        "kind": kind,
        "labels": parsed_labels(labels),
        "policy": {"band": band} if band else {},
        "selection": {"budget_per_round": budget, "overlap": overlap, "audit_rate": audit_rate},
        "model": {"preset": preset} if preset else {},
        "schedule": {"cron": cron, "timezone": timezone},
    }
    if alone:
        settings |= ALONE
    if like:
        settings["records"] = form = _fields_like(like, kind, parsed_labels(labels))
        if "stake" in form and not band:
            settings |= decisions_by_cost(parsed_labels(labels))
            out.print(
                f"decisions are by the least expected cost, with {form['stake']} at stake: check [cost] in "
                "goldloop.toml"
            )
    workspace = Workspace.create(folder, **(settings | ({"name": name} if name else {})))
    out.print(f"created {workspace.root}; all settings are in goldloop.toml")
    out.print(f"next: goldloop up -w {folder}")


def _fields_like(source: str, kind: str, labels: Collection[str]) -> dict[str, object]:
    from goldloop.modalities.record.inference import inferred_form, sound_late

    if kind != "records":
        raise SettingsError(f"--like names fields of records, and the kind is {kind!r}; add --kind records")
    form = inferred_form(source, labels)
    out.print(f"{len(form['fields'])} fields as in {source}")
    if form["ignore"]:
        names = ", ".join(form["ignore"])
        out.print(f"passed over, as empty, the label, or a time after that of the record: {names}")
    late = ", ".join(sound_late(form["fields"]))
    out.print(
        "check [records] in goldloop.toml: move to records.ignore what is known only later, such as a "
        "chargeback" + (f"; this may be so of: {late}" if late else "")
    )
    return form


@app.command()
def up(
    where: Where = None,
    move_ports: Annotated[
        bool, typer.Option(help="Move a server to a new port if another program has taken its port.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start Label Studio, Prefect and MLflow, and check external servers."""
    from flows.suggestions import dead_sentence, disconnect_dead_suggestions
    from goldloop.services import up as start

    workspace = Workspace.open(where)
    servers = start(workspace, say=say, move_ports=move_ports)
    label_studio, lines = servers.label_studio, dict(servers.addresses)
    if label_studio.username:
        lines["Label Studio login"] = f"{label_studio.username} / {label_studio.password}"
    if servers.prefect.auth:
        lines["Prefect login"] = f"admin string {servers.prefect.auth}"
    if servers.mlflow.login:
        lines["MLflow login"] = " / ".join(servers.mlflow.login)
    show(servers.addresses, pairs(lines), as_json=as_json)
    if (dead := disconnect_dead_suggestions(Wiring(workspace))) is not None:
        say(dead_sentence(dead))
    if not conservation(open_workspace(workspace.root).tables).n_files:
        source = "a folder of pictures" if workspace.settings.kind == "image" else "a file of rows"
        say(f"next: `goldloop score` with {source}")


@app.command()
def down(where: Where = None) -> None:
    """End the servers that `goldloop up` started."""
    from goldloop.services import down as stop

    stop(Workspace.open(where), say=say)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, outside of the workspace.")],
    where: Where = None,
) -> None:
    """Write the whole workspace into one file; it holds the servers' secrets. Other commands may run."""
    workspace = Workspace.open(where)
    with Wiring(workspace).alone(WORK):
        made = back_up(workspace, file)
    out.print(f"backed up {made.n_files} files, {made.n_bytes:,} bytes, to {made.path}")
    for link in made.links:
        out.print(f"- left out: {link} is a symbolic link")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `goldloop backup` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The restored workspace, a new folder.")],
) -> None:
    """Make a folder the workspace that a backup holds, after comparing every file with its digest."""
    workspace = restored(file, folder)
    out.print(f"restored {workspace.root}")
    out.print(f"next: goldloop up -w {folder}, then goldloop check -w {folder}")


@app.command()
def compact(
    where: Where = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Merge small files of the tables and remove what no gold version that is kept needs."""
    done = compact_tables(open_workspace(where).ports, is_dry_run=dry_run)
    would = "would be " if dry_run else ""
    show(done, compaction_rows(done), as_json=as_json, notes=[would + compaction_sentence(done)])


@app.command()
def check(
    where: Where = None,
    repair: Annotated[bool, typer.Option("--repair", help="Do what is safe to do.")] = False,
    as_json: Json = False,
) -> None:
    """Check everything that goldloop promises about its records, contents and tasks."""
    from goldloop.loop.check import check_workspace

    findings = check_workspace(open_workspace(where).ports, is_repairing=repair)
    rows = [{"promise": one.promise, "what is wrong": one.detail, "next": one.next_step} for one in findings]
    if as_json or findings:
        show(findings, rows, as_json=as_json)
    else:
        out.print("every promise holds")
    if any(not finding.is_repaired for finding in findings):
        raise typer.Exit(1)


@annotator_app.command("add")
def annotator_add(
    email: Annotated[str, typer.Argument(help="The annotator's e-mail address, their Label Studio login.")],
    name: Annotated[str, typer.Option(help="First name shown in Label Studio.")] = "",
    where: Where = None,
) -> None:
    """Create a Label Studio login for an annotator and print its first password, once."""
    import secrets

    from goldloop.adapters.label_studio import add_annotator

    wiring = open_workspace(where)
    server, projects = wiring.endpoints.label_studio, wiring.queue().project_urls()
    has_onboarding = any(
        task.is_live and task.purpose is Purpose.ONBOARDING
        for task in TaskLog(wiring.tables).statuses().values()
    )
    password = secrets.token_urlsafe(12)
    annotator = add_annotator(server.url, server.token, email=email, password=password, first_name=name)
    rows = pairs(
        {
            **({"begins at, with known answers": projects["onboarding"]} if has_onboarding else {}),
            "works at": projects["labeling"],
            "e-mail": email,
            "password": password,
            "annotator": annotator.user_id,
            "an adjudicator also decides disputes at": projects["adjudication"],
        }
    )
    show_table(rows)
    begins = "begins at" if has_onboarding else "works at"
    out.print(f"the address after '{begins}' asks for the login first; the annotator needs no other page")
    out.print("send the password over a safe channel; goldloop does not store or show it again")
