"""Labels of a Label Studio project over its API, for `goldloop import`."""

from __future__ import annotations

import os
from pathlib import Path

from goldloop.adapters.label_studio.exported import ProjectAddress, export_project
from goldloop.core.errors import GoldloopError, SettingsError, SourceError
from goldloop.services import LabelStudioEndpoint
from goldloop.wiring import Wiring

TOKEN = "GOLDLOOP_IMPORT_TOKEN"
"""The environment variable with a token of the server on which the project is."""


def is_address(source: str) -> bool:
    """Return whether labels come from a server, not from a file."""
    return source.startswith(("http://", "https://"))


def exported_project(wiring: Wiring, address: str) -> tuple[Path, str]:
    """Return a folder with the labels of the project at `address`, and how the import names their origin.

    Without a token in the environment, the workspace's own is that of its own server.

    Raises:
        SourceError: it is the address of no project, or of one whose answers pulls bring.
        SettingsError: there is no token.
        ServiceError: Label Studio does not answer, or refuses the token.
    """
    project, token = ProjectAddress.of(address), os.environ.get(TOKEN, "")
    own = _own_server(wiring)
    if own is not None and project.is_at(own.url):
        if project.project_id in {one.id for one in wiring.workspace.identity.projects}:
            raise SourceError(f"{project} is a project of this workspace; `goldloop pull` brings its answers")
        token = token or own.token
    if not token:
        raise SettingsError(f"set {TOKEN} to a token of {project.server}")
    return export_project(project, token, wiring.workspace.imports), str(project)


def _own_server(wiring: Wiring) -> LabelStudioEndpoint | None:
    try:
        return wiring.endpoints.label_studio
    except GoldloopError:
        return None
