"""The embedded servers: killed, unable to start, or on another machine."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from goldloop.core.errors import ServiceAuthError, ServiceStartError, ServiceUnreachableError
from goldloop.services import down, endpoints, up
from goldloop.services.processes import ProcessMark, members
from goldloop.services.state import ServerState, load_state, save_state
from goldloop.settings.workspace import Workspace
from tests.e2e.embedded_servers import pids

pytestmark = pytest.mark.servers


NOWHERE = {  # servers that a test does not need run elsewhere
    "label_studio_url": "http://127.0.0.1:9",
    "prefect_url": "http://127.0.0.1:9",
    "mlflow_url": "http://127.0.0.1:9",
}


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """Yield a process that goldloop has not started."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def test_a_server_killed_from_outside_is_started_again(mlflow_only: Workspace) -> None:
    """`up` notices that a recorded server is gone, clears up what it left, and starts it where it was."""
    first = up(mlflow_only, say=print)
    killed = members(load_state(mlflow_only)["mlflow"].process or ProcessMark("-"))
    leader = psutil.Process(pids(mlflow_only)["mlflow"])
    leader.kill()
    leader.wait()

    assert up(mlflow_only, say=print) == first
    assert not [process for process in killed if process.is_running() and process.status() != "zombie"]
    assert requests.get(f"{first.mlflow.url}/health", timeout=30).status_code == 200


def test_a_taken_port_is_a_clear_error(mlflow_only: Workspace) -> None:
    """A port that another program holds is an error that names it and shows the end of the log."""
    services = up(mlflow_only, say=print)
    down(mlflow_only, say=print)
    port = int(services.mlflow.url.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ServiceStartError, match=rf"port {port} of .*taken by(?s:.*)Uvicorn running"):
            up(mlflow_only, say=print)
        moved = up(mlflow_only, say=print, move_ports=True)
        assert moved.mlflow.url != services.mlflow.url
    assert requests.get(f"{moved.mlflow.url}/health", timeout=30).status_code == 200


def test_a_port_taken_while_the_server_starts_is_a_clear_error(
    mlflow_only: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a program takes the port after the check, the error shows why the server ended."""
    monkeypatch.setattr("goldloop.services.state.is_free", lambda port: True)
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        (mlflow_only.services).mkdir()
        save_state(mlflow_only, {"mlflow": ServerState(port)})
        with pytest.raises(ServiceStartError, match=rf"port {port} is taken by(?s:.*)address already in use"):
            up(mlflow_only, say=print)
    assert pids(mlflow_only) == {"mlflow": None}


def test_a_server_that_dies_shows_the_end_of_its_log(mlflow_only: Workspace) -> None:
    """A server that cannot start is an error with its last words, and nothing is left running."""
    database = mlflow_only.services / "mlflow" / "mlflow.db"
    database.parent.mkdir(parents=True)
    database.write_text("this is no database, somebody has written a text over it")
    with pytest.raises(
        ServiceStartError,
        match=r"MLflow ended\. The end of .*mlflow\.log:(?s:.*)file is not a database",
    ):
        up(mlflow_only, say=print)
    assert pids(mlflow_only) == {"mlflow": None}


def test_a_foreign_process_with_a_recorded_pid_lives_on(
    mlflow_only: Workspace, sleeper: psutil.Process
) -> None:
    """`down` ends no process that merely has a recorded pid, even with a matching start time."""
    mlflow_only.services.mkdir()
    for created in (sleeper.create_time(), sleeper.create_time() - 3600):
        mark = ProcessMark("0123456789abcdef", sleeper.pid, created)
        save_state(mlflow_only, {"mlflow": ServerState(20_001, mark)})

        assert down(mlflow_only, say=print) == 0
        assert sleeper.is_running()
        assert sleeper.status() != psutil.STATUS_ZOMBIE


def test_with_servers_elsewhere_up_starts_nothing(
    tmp_path: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all three addresses in goldloop.toml, `up` only checks the servers."""
    names = ("label_studio_url", "prefect_url", "mlflow_url")
    workspace = Workspace.create(
        tmp_path / "w", labels=["cat", "dog"], services=dict.fromkeys(names, elsewhere)
    )
    with pytest.raises(ServiceAuthError, match="GOLDLOOP_LABEL_STUDIO_TOKEN"):
        up(workspace, say=print)
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "0" * 40)

    services = up(workspace, say=print)

    assert {services.label_studio.url, services.prefect.url, services.mlflow.url} == {elsewhere}
    assert endpoints(workspace) == services
    assert not workspace.services.exists()


def test_a_server_elsewhere_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of `up` names the address that does not answer."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "0" * 40)
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"], services=NOWHERE)
    with pytest.raises(ServiceUnreachableError, match=r"http://127\.0\.0\.1:9/health does not answer"):
        up(workspace, say=print)
