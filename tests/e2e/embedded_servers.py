"""What the tests of the embedded servers read of a workspace."""

from __future__ import annotations

import requests

from goldloop.services import Endpoints
from goldloop.services.state import load_state
from goldloop.settings.workspace import Workspace


def pids(workspace: Workspace) -> dict[str, int | None]:
    """Return the recorded process ids by server."""
    return {
        name: server.process.pid if server.process else None for name, server in load_state(workspace).items()
    }


def token_session(services: Endpoints) -> requests.Session:
    """Return a session that Label Studio knows."""
    session = requests.Session()
    session.headers["Authorization"] = f"Token {services.label_studio.token}"
    return session
