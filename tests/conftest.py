"""Fixtures every test may use: a clean environment, one stack of real servers, real images, a browser."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from goldloop.services import Endpoints, down, up
from goldloop.settings import ALONE
from goldloop.settings.workspace import Workspace
from tests.chromium import chromium

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

_OURS = ("GOLDLOOP_", "PREFECT_", "MLFLOW_", "LABEL_STUDIO_")
_REQUIRED = tuple(f"GOLDLOOP_REQUIRE_{name}" for name in ("BROWSER", "NGINX", "POSTGRESQL"))
_KEPT = ("GOLDLOOP_CACHE", "GOLDLOOP_SCREENSHOTS", *_REQUIRED)  # where things lie, and what must be there
_TEST_DATA = os.environ.get("GOLDLOOP_TEST_DATA")
_SERVERS_TIMEOUT_S = 1500  # the first one installs Label Studio and migrates its database


def _is_ours(name: str) -> bool:
    return name.startswith(_OURS) and name not in _KEPT


def pytest_configure() -> None:
    """Take the user's own settings out of the environment; let no property fail because it took long."""
    for name in filter(_is_ours, list(os.environ)):
        del os.environ[name]
    hypothesis.settings.register_profile("goldloop", deadline=None)
    hypothesis.settings.load_profile("goldloop")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that start servers the time that the very first start takes."""
    for item in items:
        if item.get_closest_marker("servers") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SERVERS_TIMEOUT_S))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting all imported modules again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Keep tests that share fixtures in one process: those with servers, those of models, those of a file.

    Tests with servers are two groups, so that two processes share them, each with servers of its own.
    The `loadgroup` of xdist 3.8 groups nothing under pytest 9.2 (pytest-xdist issue 1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            _, folder, *names = file.split("/")
            if folder in ("e2e", "contracts"):
                is_early = folder == "contracts" or names[0] < "test_m"
                return "servers, first half" if is_early else "servers, second half"
            return "models" if folder == "models" else file

    return ByFixtures(config, log)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what an earlier test or a library left in the environment."""
    for name in filter(_is_ours, list(os.environ)):
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def services_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return the workspace in which the servers of the whole test run live."""
    return Workspace.create(tmp_path_factory.mktemp("stack") / "workspace", labels=["cat", "dog"], **ALONE)


@pytest.fixture(scope="session")
def services(services_workspace: Workspace) -> Iterator[Endpoints]:
    """Yield running Label Studio, Prefect and MLflow servers, the same for the whole test run."""
    try:
        yield up(services_workspace, say=print)
    finally:
        down(services_workspace, say=print)


@pytest.fixture
def mlflow_login(services: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log MLflow's own client in, as a user does whose workspace names an external server."""
    user, password = services.mlflow.login or ("", "")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder with real images: `clothing/` and `cifar10/`, each with labels.csv."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(_TEST_DATA) if _TEST_DATA else beside
    if not folder.is_dir():
        pytest.skip(f"no real images in {folder}; name their folder in GOLDLOOP_TEST_DATA")
    return folder


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    """Yield a headless Chromium with a window of 1400 x 1000 and a profile of its own."""
    with chromium(tmp_path) as driver:
        yield driver
