"""`up` and `down`: start and end the embedded servers of a workspace."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from goldloop.core.errors import BusyError, ServiceAuthError, ServiceError
from goldloop.services.credentials import Credentials, ensure_credentials
from goldloop.services.endpoints import Endpoints, external_urls, recorded_endpoints
from goldloop.services.full_disk import full_disk
from goldloop.services.health import check_health
from goldloop.services.logs import rotate
from goldloop.services.prefect_runs import crash_dead_runs
from goldloop.services.processes import (
    MARK_VARIABLE,
    ProcessMark,
    created_at,
    is_running,
    listens,
    port_holder,
    spawn,
    start_failure,
    stop,
)
from goldloop.services.servers import prepare
from goldloop.services.state import TITLES, ServerState, is_free, load_state, moved_from, placed, save_state
from goldloop.settings.workspace import Workspace

_PATIENCE_S = 600.0  # another `up` may have to install Label Studio first
HEALTHY_WITHIN_S = 240.0  # 5 s on an idle machine, up to fifty times that on a busy one
_BUSY_S = 90.0  # a running server may be busy with a large import
_POLL_S = 0.15


def up(workspace: Workspace, *, say: Callable[[str], None], move_ports: bool = False) -> Endpoints:
    """Start the embedded servers that do not run, wait until all are healthy, and return their endpoints.

    External servers are only checked. A server keeps its port; with `move_ports`, it moves to a free port if
    another program has taken its own. If a server does not start, the servers that this call started are
    ended.

    Raises:
        ServiceStartError: a server did not start, or its port is taken; the message has the end of its log.
        ServiceUnreachableError: an external server does not answer.
        ServiceAuthError: an external server refuses the credentials.
        BusyError: another `up` or `down` is running in this workspace.
    """
    names = [name for name in TITLES if name not in external_urls(workspace)]
    endpoints = (
        _started(workspace, names, move_ports=move_ports, say=say) if names else _checked(workspace, {})
    )
    if n_crashed := crash_dead_runs(endpoints.prefect, workspace.id):
        say(f"{n_crashed} flow runs of killed commands are Crashed in Prefect now")
    return endpoints


def _started(
    workspace: Workspace, names: Sequence[str], *, move_ports: bool, say: Callable[[str], None]
) -> Endpoints:
    with _written(workspace), _alone(workspace):
        rotate(workspace.logs)
        credentials = ensure_credentials(workspace)
        state = load_state(workspace)
        if (before := moved_from(workspace)) and stop(server.process for server in state.values()):
            say(f"the workspace has moved here from {before}; starting its servers again")
        for name in names:
            state[name] = placed(workspace, name, state, move_ports=move_ports, say=say)
        save_state(workspace, state)
        endpoints = _checked(workspace, state)
        Start(workspace, state, credentials, endpoints, say).run(names)
        return endpoints


def down(workspace: Workspace, *, say: Callable[[str], None]) -> int:
    """End the servers that `up` started in this workspace; return the number of ended processes.

    Another process that later got a recorded pid is not ended.

    Raises:
        BusyError: another `up` or `down` is running in this workspace.
    """
    if not workspace.services.exists():
        return 0
    with _written(workspace), _alone(workspace):
        state = load_state(workspace)
        n_ended = stop(server.process for server in state.values())
        save_state(workspace, {name: replace(server, process=None) for name, server in state.items()})
    say(f"ended {n_ended} processes of the servers" if n_ended else "no server was running")
    return n_ended


@dataclass
class Start:
    """One `up`: its servers, and which of them it has started."""

    workspace: Workspace
    state: dict[str, ServerState]
    credentials: Credentials
    endpoints: Endpoints
    say: Callable[[str], None]
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    def run(self, names: Sequence[str]) -> None:
        """Return when all servers are healthy; if one fails, end the servers that were started here.

        Raises:
            ServiceStartError: a server did not start.
        """
        if new := [TITLES[name] for name in names if not self.state[name].process]:
            self.say(f"starting {', '.join(new)}; seconds on an idle machine, some minutes on a busy one")
        try:
            # in reverse, because Label Studio may have to be installed while the others start
            deadlines = {
                name: time.monotonic() + _BUSY_S if self.state[name].process else self._launch(name)
                for name in reversed(names)
            }
            while deadlines:
                waiting = {name: self._next_deadline(name, deadline) for name, deadline in deadlines.items()}
                deadlines = {name: deadline for name, deadline in waiting.items() if deadline is not None}
                time.sleep(_POLL_S if deadlines else 0)
        except BaseException:  # also on Ctrl-C
            self._end(self.started)
            raise
        finally:
            for child in self.started.values():
                child.returncode = child.returncode or 0  # it outlives this command: Popen must not warn

    def _launch(self, name: str) -> float:
        """Start the server; return the moment (monotonic, seconds) until which it has to be healthy."""
        process = ProcessMark(token_hex(16))
        command, environment = prepare(
            name, self.workspace, self.state[name].port, credentials=self.credentials, say=self.say
        )
        self._note(name, process)  # before the start, so that `down` finds it
        self.started[name] = child = spawn(
            command,
            environment=environment | {MARK_VARIABLE: process.mark},
            folder=self._folder(name),
            log=self._log(name),
        )
        self._note(name, replace(process, pid=child.pid, created=created_at(child.pid)))
        return time.monotonic() + HEALTHY_WITHIN_S

    def _next_deadline(self, name: str, deadline: float) -> float | None:
        """Return None if the server is healthy; start one again that ran before and is not, at `deadline`.

        Raises:
            ServiceStartError: a server that was started here ended, or is not healthy at its deadline.
            ServiceAuthError: a server that was started here refuses the credentials.
        """
        try:
            if not self._is_healthy(name, deadline):
                return deadline
        except ServiceError as error:
            if name in self.started:
                raise
            self.say(f"{error}\nstarting {TITLES[name]} again")
            self._end([name])
            return self._launch(name)
        if name in self.started:
            self.say(f"{TITLES[name]} runs at {self.state[name].url}")
        return None

    def _is_healthy(self, name: str, deadline: float) -> bool:
        port, process = self.state[name].port, self.state[name].process
        child = self.started.get(name)
        # a new process has no mark for a moment, so `is_running` might miss it
        is_alive = child.poll() is None if child else is_running(process)
        if process is None or not is_alive:
            taken = "" if is_free(port) else f"; port {port} is taken by {port_holder(port)}"
            raise start_failure(f"{TITLES[name]} ended{taken}", self._log(name), self._folder(name))
        try:
            check_health(name, self.endpoints)
            if listens(process, port):
                return True
            reason = f"port {port} is taken by {port_holder(port)}"
        except ServiceError as error:
            # if it is our server with another token, waiting does not help
            if isinstance(error, ServiceAuthError) and listens(process, port):
                raise
            reason = str(error)
        if time.monotonic() > deadline:
            raise start_failure(
                f"{TITLES[name]} is not healthy: {reason}", self._log(name), self._folder(name)
            )
        return False

    def _log(self, name: str) -> Path:
        return self.workspace.logs / f"{name}.log"

    def _folder(self, name: str) -> Path:
        return self.workspace.services / name

    def _note(self, name: str, process: ProcessMark | None) -> None:
        self.state[name] = replace(self.state[name], process=process)
        save_state(self.workspace, self.state)

    def _end(self, names: Iterable[str]) -> None:
        stop(self.state[name].process for name in names)
        for name in names:
            self._note(name, None)


def _checked(workspace: Workspace, state: dict[str, ServerState]) -> Endpoints:
    """Return the endpoints, after a health check of the external servers."""
    endpoints = recorded_endpoints(workspace, state)
    for name in external_urls(workspace):
        check_health(name, endpoints)
    return endpoints


@contextmanager
def _written(workspace: Workspace) -> Iterator[None]:
    """Turn a failure to write the workspace into an error that names the file and, if so, the full disk."""
    try:
        yield
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        place = Path(error.filename).parent if error.filename else workspace.root
        step = full_disk(place) or "check that its folder may be written, then run this again"
        raise ServiceError(
            f"{error.filename or workspace.services}: {error.strerror or error}; {step}"
        ) from error


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    for folder in (workspace.services, workspace.logs):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # only the owner may read databases and logs
    lock = workspace.services / "lock"
    try:
        with FileLock(lock, timeout=_PATIENCE_S):
            yield
    except Timeout:
        raise BusyError(
            f"another `goldloop up` or `goldloop down` holds {lock}; wait until it ends, or end it"
        ) from None
