"""One stack of real servers behind proxies, whose databases can be kept and put back while they run."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from goldloop.services import Endpoints, down, up
from goldloop.services.processes import ProcessMark, members
from goldloop.services.state import TITLES, load_state
from goldloop.settings import ALONE
from goldloop.settings.workspace import Workspace
from scripts.bench.common import say
from scripts.bench.faults.proxy import Proxy, Ward

LABEL_STUDIO, MLFLOW, PREFECT = "label_studio", "mlflow", "prefect"
_DATABASES = {LABEL_STUDIO: Path("data", "label_studio.sqlite3"), MLFLOW: Path("mlflow.db")}


@dataclass(frozen=True, slots=True)
class Backup:
    """Copies of the databases that hold what the loop keeps on servers, by server."""

    databases: dict[str, Path]


class Stack:
    """Servers of a workspace of their own in `folder`, and a proxy before each."""

    def __init__(self, folder: Path) -> None:
        self._workspace = Workspace.create(folder / "servers", labels=["a", "b"], **ALONE)
        self.ward = Ward()
        try:
            self.endpoints: Endpoints = up(self._workspace, say=say)
        except BaseException:
            self.close()
            raise
        self._proxies = {name: Proxy(name, getattr(self.endpoints, name).url, self.ward) for name in TITLES}

    def close(self) -> None:
        """End the servers and proxies."""
        for proxy in getattr(self, "_proxies", {}).values():
            proxy.close()
        down(self._workspace, say=say)

    @property
    def urls(self) -> dict[str, str]:
        """The settings of a workspace that uses these servers through the proxies."""
        return {f"{name}_url": proxy.url for name, proxy in self._proxies.items()}

    def environment(self, home: Path) -> dict[str, str]:
        """Return the environment in which commands log in, and in which Prefect's client is imported."""
        auth = self.endpoints.prefect.auth or ""
        environment = {
            "GOLDLOOP_LABEL_STUDIO_TOKEN": self.endpoints.label_studio.token,
            "GOLDLOOP_PREFECT_AUTH": auth,
            "PREFECT_API_URL": f"{self._proxies[PREFECT].url}/api",
            "PREFECT_API_AUTH_STRING": auth,
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
            "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",  # as goldloop sets it
            "DO_NOT_TRACK": "1",
        }
        login = getattr(self.endpoints.mlflow, "login", None)
        if login is not None:
            environment |= dict(
                zip(("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"), login, strict=True)
            )
        return environment

    def database(self, name: str) -> Path:
        """Return the path of a server's database."""
        return self._workspace.services / name / _DATABASES[name]

    def back_up(self, folder: Path) -> Backup:
        """Copy the databases into `folder`, while the servers run."""
        folder.mkdir(parents=True)
        copies = {name: folder / path.name for name, path in _DATABASES.items()}
        for name, copy in copies.items():
            _copy(self.database(name), copy)
        return Backup(copies)

    def put_back(self, backup: Backup, *names: str) -> None:
        """Put back the databases of `names` (default: all), each in one transaction, while servers run."""
        for name in names or backup.databases:
            _copy(backup.databases[name], self.database(name))

    def kill(self, name: str) -> None:
        """SIGKILL every process of a server."""
        self._signal(name, signal.SIGKILL)

    def stop(self, name: str) -> None:
        """SIGSTOP every process of a server."""
        self._signal(name, signal.SIGSTOP)

    def heal(self) -> None:
        """Let stopped servers go on, and start those that are gone, as `goldloop up` does."""
        for name in TITLES:
            self._signal(name, signal.SIGCONT)
        if not all(self._pids(name) for name in TITLES):
            up(self._workspace, say=lambda _: None)

    def _signal(self, name: str, number: signal.Signals) -> None:
        for pid in self._pids(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _pids(self, name: str) -> list[int]:
        process = load_state(self._workspace)[name].process
        return [member.pid for member in members(process or ProcessMark("none"))]


@contextlib.contextmanager
def read_only(database: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that cannot write."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def _copy(source: Path, target: Path) -> None:
    one, other = (sqlite3.connect(path, timeout=30) for path in (source, target))
    with contextlib.closing(one), contextlib.closing(other):
        one.backup(other)


def copy_folder(source: Path, target: Path) -> None:
    """Make `target` a copy of `source`, whatever it held."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
