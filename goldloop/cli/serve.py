"""The command that runs for months: schedules, metrics and the log of both."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from goldloop.cli.common import Where, run_flow, say
from goldloop.core.errors import SettingsError
from goldloop.core.structured_log import FORMAT_VARIABLE
from goldloop.settings.metrics import METRICS_TOKEN, check_token, parsed_address
from goldloop.settings.workspace import Workspace
from goldloop.wiring import open_workspace

app = typer.Typer()


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


@app.command()
def serve(
    where: Where = None,
    *,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Answer Prometheus at /metrics of this address [default: metrics.address in goldloop.toml].",
        ),
    ] = None,
    suggestions: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Suggest at this address, which Label Studio must reach, when a task is opened.",
        ),
    ] = None,
    only_metrics: Annotated[
        bool, typer.Option("--only-metrics", help="Run no schedule, beside workers that do.")
    ] = False,
    page: Annotated[
        str | None,
        typer.Option(metavar="PORT", help="Show the workspace's page at this port of 127.0.0.1."),
    ] = None,
    only_page: Annotated[bool, typer.Option("--only-page", help="Run no schedule, show the page.")] = False,
    log_format: Annotated[
        LogFormat, typer.Option(help="text: what goes wrong; json: an object a line for each event.")
    ] = LogFormat.TEXT,
) -> None:
    """Run the schedules here: a pull every 15 minutes, and the weekly round; serve metrics and page."""
    asked = metrics or Workspace.open(where).settings.metrics.address
    address = parsed_address(asked) if asked else None
    shown_at = parsed_address(page, "page") if page else None
    if only_page and shown_at is None:
        raise SettingsError("--only-page needs the port of the page: add --page 8090")
    if address is None and only_metrics:
        raise SettingsError("--only-metrics needs an address: set metrics.address, or add --metrics 9477")
    if address is not None:
        check_token(address, os.environ.get(METRICS_TOKEN, ""))
        if log_format is LogFormat.TEXT:
            say(f"metrics: http://{address.host}:{address.port}/metrics")
    if shown_at is not None and log_format is LogFormat.TEXT:
        from flows.page import page_address

        say(f"page: {page_address(open_workspace(where), shown_at)}")
    os.environ[FORMAT_VARIABLE] = log_format
    live = parsed_address(suggestions, "suggestions") if suggestions else None
    has_schedules = not (only_metrics or only_page)
    run_flow(where, "serve", metrics=address, page=shown_at, suggestions=live, has_schedules=has_schedules)
