"""Workspaces whose commands use the servers of the test run."""

from __future__ import annotations

import http.server
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from goldloop.services import Endpoints, LabelStudioEndpoint, down
from goldloop.settings.workspace import Workspace
from tests.e2e.commands import Loop
from tests.e2e.prefect_api import PrefectApi


@pytest.fixture(scope="session", autouse=True)
def commands_can_be_interrupted() -> None:
    """Let Ctrl-C reach the commands; a test run in the background ignores it and would hand that on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def make_loop(
    services: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_login: None
) -> Callable[..., Loop]:
    """Return a function from a name that is new to the servers, and settings, to a new workspace there."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", services.label_studio.token)
    monkeypatch.setenv("GOLDLOOP_PREFECT_AUTH", services.prefect.auth or "")

    def make(name: str, **settings: Any) -> Loop:
        return Loop.create(tmp_path / name, services, **settings)

    return make


@pytest.fixture
def server(services: Endpoints) -> LabelStudioEndpoint:
    """The running Label Studio."""
    return services.label_studio


@pytest.fixture
def prefect(services: Endpoints) -> Iterator[PrefectApi]:
    """Yield the API of the real Prefect server."""
    user, _, password = (services.prefect.auth or "").partition(":")
    with httpx.Client(base_url=services.prefect.api_url, auth=(user, password), timeout=60) as client:
        yield PrefectApi(client)


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Yield the address of a server that says yes to every GET."""

    class Yes(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Yes) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def mlflow_only(tmp_path: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Yield a workspace whose only embedded server is MLflow, which starts fastest."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "0" * 40)
    workspace = Workspace.create(
        tmp_path / "w",
        labels=["cat", "dog"],
        services={"label_studio_url": elsewhere, "prefect_url": elsewhere},
    )
    try:
        yield workspace
    finally:
        down(workspace, say=print)


@pytest.fixture
def prefect_only(tmp_path: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Yield a workspace whose only embedded server is Prefect."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "0" * 40)
    workspace = Workspace.create(
        tmp_path / "w",
        labels=["cat", "dog"],
        services={"label_studio_url": elsewhere, "mlflow_url": elsewhere},
    )
    try:
        yield workspace
    finally:
        down(workspace, say=print)
