"""Starting servers, with small programs as servers: all become healthy, or none that was started is left."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldloop.core.errors import ServiceAuthError, ServiceStartError
from goldloop.services import (
    Endpoints,
    LabelStudioEndpoint,
    MlflowEndpoint,
    PrefectEndpoint,
    lifecycle,
)
from goldloop.services.credentials import new_credentials
from goldloop.services.lifecycle import Start
from goldloop.services.processes import MARK_VARIABLE, ProcessMark, created_at, is_running, spawn, stop
from goldloop.services.state import ServerState, load_state
from goldloop.settings.workspace import Workspace

HEALTHY = """
import http.server, sys
class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Server).serve_forever()
"""
DYING = "import sys; sys.exit('no database here')"
SILENT = "import time; time.sleep(600)"


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Servers:
    """MLflow and Prefect of a workspace, as programs that a test chooses."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.lines = workspace, list[str]()
        self.programs = {"mlflow": HEALTHY, "prefect": HEALTHY}
        self.state = {name: ServerState(free_port()) for name in self.programs}
        self.mlflow_auth: str | None = None

    def prepare(
        self, name: str, workspace: Workspace, port: int, **_: object
    ) -> tuple[list[str], dict[str, str]]:
        """Return how to start the program, in place of `goldloop.services.servers.prepare`."""
        (workspace.services / name).mkdir(exist_ok=True)
        return [sys.executable, "-c", self.programs[name], str(port)], {}

    def start(self) -> None:
        """Start what does not run."""
        endpoints = Endpoints(
            LabelStudioEndpoint("", ""),
            PrefectEndpoint(self.state["prefect"].url),
            MlflowEndpoint(self.state["mlflow"].url, self.mlflow_auth),
        )
        Start(self.workspace, self.state, new_credentials(), endpoints, self.lines.append).run(
            ["prefect", "mlflow"]
        )

    def processes(self) -> dict[str, ProcessMark | None]:
        """Return the processes in the state file."""
        return {name: server.process for name, server in load_state(self.workspace).items()}


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """Yield two servers that have not been started, and end them afterwards."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    workspace.logs.mkdir(parents=True)
    servers = Servers(workspace)
    monkeypatch.setattr(lifecycle, "prepare", servers.prepare)
    yield servers
    stop([server.process for server in servers.state.values() if server.process])


def test_servers_run_once_they_are_healthy(servers: Servers) -> None:
    """It says what it starts; both run, the state file has their processes, and a second start keeps them."""
    servers.start()

    processes = servers.processes()
    assert all(process and is_running(process) for process in processes.values())
    first, *others = servers.lines
    assert first.startswith("starting Prefect, MLflow;")
    assert [line.split(" runs at")[0] for line in sorted(others)] == ["MLflow", "Prefect"]

    servers.start()

    assert servers.processes() == processes
    assert len(servers.lines) == 3


def test_an_mlflow_that_asks_for_no_login_is_ended(servers: Servers) -> None:
    """A server that answers everybody, as earlier ones did, never counts as healthy."""
    servers.start()
    servers.mlflow_auth = "goldloop:word"

    with pytest.raises(ServiceAuthError, match="answers without a login"):
        servers.start()

    assert any("starting MLflow again" in line for line in servers.lines)
    assert servers.processes()["mlflow"] is None


def test_a_server_that_fails_ends_the_others(servers: Servers) -> None:
    """The error shows the log of the failed server, and no process is left."""
    servers.programs["prefect"] = DYING

    with pytest.raises(
        ServiceStartError, match=r"Prefect ended\. The end of .*prefect\.log:\nno database here"
    ):
        servers.start()

    assert servers.processes() == {"mlflow": None, "prefect": None}


def test_a_server_that_never_answers_is_not_waited_for_forever(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its deadline the error names the reason, and the process is ended."""
    monkeypatch.setattr(lifecycle, "HEALTHY_WITHIN_S", 1.0)
    servers.programs["mlflow"] = SILENT

    with pytest.raises(ServiceStartError, match=r"MLflow is not healthy: .* does not answer"):
        servers.start()

    assert servers.processes() == {"mlflow": None, "prefect": None}


def test_a_running_server_that_does_not_answer_is_started_again(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old process ends, and the new one is healthy."""
    monkeypatch.setattr(lifecycle, "_BUSY_S", 0.1)
    old = ProcessMark("0123456789abcdef")
    child = spawn(
        [sys.executable, "-c", SILENT],
        environment={MARK_VARIABLE: old.mark},
        folder=servers.workspace.root,
        log=servers.workspace.logs / "mlflow.log",
    )
    old = ProcessMark(old.mark, child.pid, created_at(child.pid))
    servers.state["mlflow"] = ServerState(servers.state["mlflow"].port, old)

    servers.start()
    child.wait()

    new = servers.processes()["mlflow"]
    assert not is_running(old)
    assert new
    assert is_running(new)
    assert any("MLflow is not healthy" in line and "starting MLflow again" in line for line in servers.lines)
