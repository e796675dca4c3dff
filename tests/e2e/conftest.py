"""Workspaces whose commands use the servers of the test run."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from goldloop.services import Endpoints, LabelStudioEndpoint
from tests.e2e.commands import Loop
from tests.e2e.prefect_api import PrefectApi


@pytest.fixture(scope="session", autouse=True)
def commands_can_be_interrupted() -> None:
    """Let Ctrl-C reach the commands; a test run in the background ignores it and would hand that on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def make_loop(services: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Loop]:
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
