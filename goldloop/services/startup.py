"""One start of several servers: wait until each is healthy; if one fails, end those that were started."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from goldloop.core.errors import ServiceAuthError, ServiceError, ServiceStartError
from goldloop.services.credentials import Credentials
from goldloop.services.endpoints import TITLES, Endpoints
from goldloop.services.health import check_health
from goldloop.services.placement import is_free
from goldloop.services.processes import (
    MARK_VARIABLE,
    ProcessMark,
    created_at,
    end_of,
    is_running,
    listens,
    port_holder,
    spawn,
    stop,
)
from goldloop.services.servers import prepare
from goldloop.services.state import ServerState, save_state
from goldloop.settings.workspace import Workspace

HEALTHY_WITHIN_S = 240.0  # 5 s on an idle machine, up to fifty times that on a busy one
_BUSY_S = 90.0  # a running server may be busy with a large import
_POLL_S = 0.15


class Start:
    """One `up`: its servers, and which of them it has started."""

    def __init__(
        self,
        workspace: Workspace,
        state: dict[str, ServerState],
        credentials: Credentials,
        endpoints: Endpoints,
        say: Callable[[str], None],
    ) -> None:
        self._workspace, self._state, self._say = workspace, state, say
        self._credentials, self._endpoints = credentials, endpoints
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, names: Sequence[str]) -> None:
        """Return when all servers are healthy; if one fails, end the servers that were started here.

        Raises:
            ServiceStartError: a server did not start.
        """
        try:
            # in reverse, because Label Studio may have to be installed while the others start
            deadlines = {name: self._ensure(name) for name in reversed(names)}
            while deadlines:
                for name, deadline in list(deadlines.items()):
                    if self._is_healthy(name, deadline):
                        del deadlines[name]
                    elif self._state[name].process is None:
                        deadlines[name] = self._launch(name)
                time.sleep(_POLL_S if deadlines else 0)
        except BaseException:  # also on Ctrl-C
            self._end(self._started)
            raise
        finally:
            for child in self._started.values():
                child.returncode = child.returncode or 0  # it outlives this command: Popen must not warn

    def _ensure(self, name: str) -> float:
        """Return the moment (monotonic, seconds) until which the server has to be healthy."""
        is_new = self._state[name].process is None
        return self._launch(name) if is_new else time.monotonic() + _BUSY_S

    def _launch(self, name: str) -> float:
        port = self._state[name].port
        launch = prepare(name, self._workspace, port, credentials=self._credentials, say=self._say)
        process = ProcessMark(token_hex(16))
        self._note(name, process)  # before the start, so that `down` finds it
        environment = launch.environment | {MARK_VARIABLE: process.mark}
        child = spawn(launch.command, environment=environment, folder=launch.folder, log=self._log(name))
        self._started[name] = child
        self._note(name, replace(process, pid=child.pid, created=created_at(child.pid)))
        return time.monotonic() + HEALTHY_WITHIN_S

    def _is_healthy(self, name: str, deadline: float) -> bool:
        """Return whether the server is healthy; end one that ran before and does not become healthy.

        Raises:
            ServiceStartError: a server that was started here ended, or is not healthy at its deadline.
            ServiceAuthError: a server that was started here refuses the credentials.
        """
        try:
            is_healthy = self._check(name, deadline)
        except ServiceError as error:
            if name in self._started:
                raise
            self._say(f"{error}\nstarting {TITLES[name]} again")
            self._end([name])
            return False
        if is_healthy and name in self._started:
            self._say(f"{TITLES[name]} runs at {self._state[name].url}")
        return is_healthy

    def _check(self, name: str, deadline: float) -> bool:
        port, process = self._state[name].port, self._state[name].process
        child = self._started.get(name)
        # a new process has no mark for a moment, so `is_running` might miss it
        is_alive = child.poll() is None if child else process is not None and is_running(process)
        if process is None or not is_alive:
            taken = "" if is_free(port) else f"; port {port} is taken by {port_holder(port)}"
            raise self._failure(name, f"ended{taken}")
        try:
            check_health(name, self._endpoints)
            if listens(process, port):
                return True
            reason = f"port {port} is taken by {port_holder(port)}"
        except ServiceError as error:
            # if it is our server with another token, waiting does not help
            if isinstance(error, ServiceAuthError) and listens(process, port):
                raise
            reason = str(error)
        if time.monotonic() > deadline:
            raise self._failure(name, f"is not healthy: {reason}")
        return False

    def _log(self, name: str) -> Path:
        return self._workspace.logs / f"{name}.log"

    def _note(self, name: str, process: ProcessMark | None) -> None:
        self._state[name] = replace(self._state[name], process=process)
        save_state(self._workspace, self._state)

    def _end(self, names: Iterable[str]) -> None:
        stop([process for name in names if (process := self._state[name].process) is not None])
        for name in names:
            self._note(name, None)

    def _failure(self, name: str, what: str) -> ServiceStartError:
        log = self._log(name)
        return ServiceStartError(
            f"{TITLES[name]} {what}. The end of {log}:\n{end_of(log)}\n"
            "Fix the error above, then run `goldloop up` again."
        )
