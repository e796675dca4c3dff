"""Shared by all commands: the workspace option, the JSON option, and running a flow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldloop.core.errors import ServiceUnreachableError
from goldloop.settings.workspace import Workspace

if TYPE_CHECKING:
    from goldloop.wiring import Wiring

Where = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="The workspace [default: $GOLDLOOP_WORKSPACE, else the one that contains the current folder].",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_workspace(where: Path | None) -> Wiring:
    """Return the parts of the workspace at `where`."""
    from goldloop.wiring import open_workspace as opened

    return opened(where)


def run_flow(where: Path | None, run: Callable[[str], Any]) -> tuple[Workspace, Any]:
    """Run a flow against the workspace's Prefect server; return the workspace and what the flow returned."""
    workspace = Workspace.open(where)
    from flows.environment import prefect_environment

    os.environ.update(prefect_environment(workspace))
    import httpx

    try:
        return workspace, run(str(workspace.root))
    except (httpx.TransportError, RuntimeError) as error:
        if isinstance(error, httpx.TransportError) or "Failed to reach API" in str(error):
            raise ServiceUnreachableError(
                f"Prefect at {os.environ['PREFECT_API_URL']} does not answer ({error}). Run `goldloop up`."
            ) from error
        raise
