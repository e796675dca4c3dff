"""MLflow failures: each becomes an error of goldloop that names the next step."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from goldloop.core.errors import (
    GoldloopError,
    ServiceAuthError,
    ServiceError,
    ServiceUnreachableError,
)
from tests.contracts.trained_models import START


@pytest.fixture
def gatekeeper() -> Iterator[Callable[[int], str]]:
    """Return a function that starts a server answering everything with one status code."""
    servers = []

    def start(code: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.send_response(code)
                self.end_headers()
                self.wfile.write(b"no")

            do_GET = do_POST = answer  # noqa: N815 (names the standard library calls)

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MLflow repeat a failed request as often as in use, without waiting in between."""
    from goldloop.adapters.mlflow_connection import ENVIRONMENT

    monkeypatch.setitem(ENVIRONMENT, "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")


@pytest.mark.usefixtures("no_pause")
def test_a_stopped_server_is_reported_with_the_next_step(tmp_path: Path) -> None:
    """Every call's error names the address, the action, and the command that starts MLflow."""
    from goldloop.adapters.mlflow_registry import MlflowRegistry
    from goldloop.adapters.mlflow_runs import MlflowRuns

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    registry, runs = MlflowRegistry(url, "pets", cache=tmp_path), MlflowRuns(url, "pets")

    for call in (
        lambda: registry.version_at("champion"),
        lambda: registry.load("1"),
        lambda: runs.begin(START),
    ):
        with pytest.raises(
            ServiceUnreachableError, match=rf"MLflow at {url} does not answer while .*Run `goldloop up`"
        ):
            call()


@pytest.mark.usefixtures("no_pause")
def test_a_server_that_refuses_or_fails_is_reported_as_such(
    gatekeeper: Callable[[int], str], tmp_path: Path
) -> None:
    """401 and 403 speak of credentials and host names, other answers of the server's log."""
    from goldloop.adapters.mlflow_registry import MlflowRegistry

    for code, error, message in [
        (401, ServiceAuthError, "Set MLFLOW_TRACKING_USERNAME"),
        (403, ServiceAuthError, "--allowed-hosts"),
        (404, ServiceError, "See its log"),
        (503, ServiceUnreachableError, "does not answer"),
    ]:
        with pytest.raises(error, match=message):
            MlflowRegistry(gatekeeper(code), "pets", cache=tmp_path).version_at("champion")


def test_every_exception_of_mlflow_becomes_one_of_ours() -> None:
    """No foreign exception type reaches a flow, however MLflow grows."""
    import mlflow.exceptions
    import requests

    from goldloop.adapters.mlflow_connection import mlflow_at

    foreign: list[type[Exception]] = [
        kind
        for module in (mlflow.exceptions, requests.exceptions)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == module.__name__
        if not issubclass(kind, Warning)
    ]
    assert len(foreign) > 20
    for kind in foreign:
        error = kind.__new__(kind)
        Exception.__init__(error, "boom")
        error.__dict__.setdefault("error_code", "INTERNAL_ERROR")
        error.__dict__.setdefault("response", None)
        with (
            pytest.raises(GoldloopError, match="while a test"),
            mlflow_at("http://127.0.0.1:1", doing="a test"),
        ):
            raise error


def test_the_environment_is_as_before_after_a_call() -> None:
    """MLflow is set up through variables; a child process must not inherit them from us."""
    from goldloop.adapters.mlflow_connection import mlflow_at

    before = dict(os.environ)
    with mlflow_at("http://127.0.0.1:1", doing="a test"):
        assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"

    assert dict(os.environ) == before
