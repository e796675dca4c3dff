"""What the tests of the embedded servers read of a workspace."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import requests

from goldloop.services import Endpoints, LabelStudioEndpoint
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


def let_into_everything(server: LabelStudioEndpoint, *user_ids: str) -> None:
    """Give accounts the rights that every account has on a Label Studio that goldloop did not start."""
    assert server.files_root is not None
    database = Path(server.files_root).parent / "data" / "label_studio.sqlite3"
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        changed = connection.executemany(
            "UPDATE htx_user SET is_superuser = 1 WHERE id = ?", [(int(user_id),) for user_id in user_ids]
        ).rowcount
    assert changed == len(user_ids)
