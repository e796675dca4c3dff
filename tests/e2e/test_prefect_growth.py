"""Prefect's database: old runs leave it, and a database of a newer Prefect is refused."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from goldloop.core.errors import ServiceStartError
from goldloop.services import Endpoints, down, up
from goldloop.settings.workspace import Workspace
from tests.e2e.commands import LONGEST_COMMAND_S

pytestmark = pytest.mark.servers


@pytest.fixture
def prefect_only(services: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Yield a workspace whose only embedded server is Prefect."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", services.label_studio.token)
    urls = {"label_studio_url": services.label_studio.url, "mlflow_url": services.mlflow.url}
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"], services=urls)
    try:
        yield workspace
    finally:
        down(workspace, say=print)


def client(servers: Endpoints) -> httpx.Client:
    """Return a client of the server."""
    user, _, password = (servers.prefect.auth or "").partition(":")
    return httpx.Client(base_url=servers.prefect.api_url, auth=(user, password), timeout=60, trust_env=False)


def ended_run(http: httpx.Client) -> str:
    """Return a run that has just completed."""
    flow = http.post("/flows/", json={"name": "pull"}).raise_for_status().json()["id"]
    body = {"flow_id": flow, "state": {"type": "RUNNING"}}
    run = str(http.post("/flow_runs/", json=body).raise_for_status().json()["id"])
    completed = {"state": {"type": "COMPLETED"}, "force": True}
    http.post(f"/flow_runs/{run}/set_state", json=completed).raise_for_status()
    return run


def test_runs_older_than_a_month_are_deleted(prefect_only: Workspace) -> None:
    """A younger one stays."""
    with client(up(prefect_only, say=print)) as http:
        old, young = ended_run(http), ended_run(http)
    down(prefect_only, say=print)
    with closing(sqlite3.connect(prefect_only.services / "prefect" / "prefect.db")) as database, database:
        changed = database.execute(
            "UPDATE flow_run SET end_time = datetime(end_time, '-31 days') WHERE id IN (?, ?)",
            (old, str(UUID(old))),
        )
        assert changed.rowcount == 1

    with client(up(prefect_only, say=print)) as http:
        deadline = time.monotonic() + LONGEST_COMMAND_S
        while http.get(f"/flow_runs/{old}").status_code != httpx.codes.NOT_FOUND:
            assert time.monotonic() < deadline, "Prefect keeps it"
            time.sleep(1)
        assert http.get(f"/flow_runs/{young}").status_code == httpx.codes.OK


def test_a_database_of_a_newer_prefect_is_refused(prefect_only: Workspace) -> None:
    """The error names it, nothing is changed, and with its own schema the server runs again."""
    up(prefect_only, say=print)
    down(prefect_only, say=print)
    file = prefect_only.services / "prefect" / "prefect.db"

    def set_schema(revision: str) -> str:
        with closing(sqlite3.connect(file)) as database, database:
            before = database.execute("SELECT version_num FROM alembic_version").fetchone()[0]
            database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        return str(before)

    ours = set_schema("0123456789ab")

    with pytest.raises(
        ServiceStartError, match=r"prefect\.db was written by a newer Prefect \(its schema is 01"
    ):
        up(prefect_only, say=print)

    assert set_schema(ours) == "0123456789ab"
    up(prefect_only, say=print)
