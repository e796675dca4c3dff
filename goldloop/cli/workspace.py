"""Making a workspace, its servers, and logins for its people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldloop.cli.common import Json, Where, connect
from goldloop.cli.console import out, pairs, say, show
from goldloop.core.tasks import Purpose
from goldloop.settings import ALONE
from goldloop.settings.workspace import Workspace

app = typer.Typer()
annotator_app = typer.Typer(help="The people who answer.", no_args_is_help=True)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new workspace.")],
    *,
    labels: Annotated[str, typer.Option(help="The label set in order, separated by commas.")],
    name: Annotated[
        str | None, typer.Option(help="Names the project and the model; default the folder's name.")
    ] = None,
    kind: Annotated[str, typer.Option(help="What is labelled: image (files) or text (rows).")] = "image",
    preset: Annotated[
        str | None,
        typer.Option(
            help="Model. Images: tiny (default, up to 64 px), resnet18, convnext_tiny (224 px). Texts: ngrams"
        ),
    ] = None,
    band: Annotated[tuple[float, float], typer.Option(help="Confidence people review.")] = (0.40, 0.70),
    budget: Annotated[int, typer.Option(help="Annotations asked of people per round.")] = 200,
    overlap: Annotated[int, typer.Option(help="Different people asked about each task at first.")] = 1,
    alone: Annotated[
        bool, typer.Option("--alone", help="One person answers: their word is gold, nothing is asked twice.")
    ] = False,
    audit_rate: Annotated[
        float, typer.Option(help="Share of all samples reserved for the blind audit.")
    ] = 0.10,
    cron: Annotated[str, typer.Option(help="When the weekly round runs.")] = "0 6 * * 1",
    timezone: Annotated[str, typer.Option(help="Time zone of the cron.")] = "UTC",
) -> None:
    """Make a workspace: a folder with goldloop.toml, ready for 'goldloop up'."""
    settings: dict[str, object] = {
        "kind": kind,
        "labels": [label.strip() for label in labels.split(",") if label.strip()],
        "policy": {"band": band},
        "selection": {"budget_per_round": budget, "overlap": overlap, "audit_rate": audit_rate},
        "model": {"preset": preset} if preset else {},
        "schedule": {"cron": cron, "timezone": timezone},
    }
    if alone:
        settings |= ALONE
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
    from goldloop.services import up as start

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
    from goldloop.services import down as stop

    stop(Workspace.open(where), say=say)


@annotator_app.command("add")
def annotator_add(
    email: Annotated[str, typer.Argument(help="The person's e-mail address, their Label Studio login.")],
    name: Annotated[str, typer.Option(help="First name shown in Label Studio.")] = "",
    where: Where = None,
) -> None:
    """Make a Label Studio login for a person and print its first password, once."""
    import secrets

    from goldloop.adapters.label_studio import add_annotator

    parts = connect(where)
    server, places = parts.endpoints.label_studio, parts.queue().project_urls()
    has_onboarding = any(
        one.is_live and one.purpose is Purpose.ONBOARDING for one in parts.task_log.statuses().values()
    )
    password = secrets.token_urlsafe(12)
    person = add_annotator(server.url, server.token, email=email, password=password, first_name=name)
    rows = pairs(
        {
            "login": f"{server.url}/user/login/",
            "e-mail": email,
            "password": password,
            "annotator": person.user_id,
            **({"begins with known answers": places["onboarding"]} if has_onboarding else {}),
            "works at": places["labeling"],
            "an adjudicator also decides disputes at": places["adjudication"],
        }
    )
    show(None, rows, as_json=False)
    out.print(
        "hand the password over by a safe way; it is not stored and will not be shown again", markup=False
    )
