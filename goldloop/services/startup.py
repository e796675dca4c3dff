"""One start: several servers at once, each watched until it is well, all taken back when one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from threading import Event, Lock

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

HEALTHY_WITHIN_S = 240.0  # an idle machine takes 5 s; one busy with other work, fifty times that
_BUSY_S = 90.0  # a running server may be deep in a large import
_POLL_S = 0.15


class Start:
    """The servers of one `up`, and what it has started so far."""

    def __init__(
        self,
        workspace: Workspace,
        state: dict[str, ServerState],
        credentials: Credentials,
        found: Endpoints,
        say: Callable[[str], None],
    ) -> None:
        self._workspace, self._state, self._credentials, self._found = workspace, state, credentials, found
        self._say_line, self._lock, self._cancelled = say, Lock(), Event()
        self._started: list[ProcessMark] = []

    def run(self, names: Sequence[str]) -> None:
        """Return when all servers are well; when one is not, end those that were started here.

        Raises:
            ServiceStartError: from the first server that did not come up.
        """
        with ThreadPoolExecutor(len(names)) as pool:
            futures = [pool.submit(self._one, name) for name in names]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:  # Ctrl-C too: nothing half started is left behind
                self._cancelled.set()
                wait(futures)
                self._take_back()
                raise

    def _one(self, name: str) -> None:
        server = self._state[name]
        if server.process is None or not self._is_well(name, server.process):
            self._launch(name, server)

    def _is_well(self, name: str, process: ProcessMark) -> bool:
        """Return whether a running server is healthy; a busy one is given time, any other is ended."""
        try:
            self._await_health(name, process, within_s=_BUSY_S, ended=lambda: not is_running(process))
        except ServiceError as error:
            if self._cancelled.is_set():
                raise
            self._say(f"{error}\nstarting {TITLES[name]} again")
            stop([process])
            return False
        return True

    def _launch(self, name: str, server: ServerState) -> None:
        launch = prepare(
            name,
            self._workspace,
            server.port,
            credentials=self._credentials,
            say=self._say,
            cancelled=self._cancelled,
        )
        if self._cancelled.is_set():
            return
        process = self._note(name, ProcessMark(token_hex(16)))  # first the note, so that `down` finds it
        child = spawn(
            launch.command,
            environment=launch.environment | {MARK_VARIABLE: process.mark},
            folder=launch.folder,
            log=self._log(name),
        )
        process = self._note(name, replace(process, pid=child.pid, created=created_at(child.pid)))
        try:
            self._await_health(
                name, process, within_s=HEALTHY_WITHIN_S, ended=lambda: child.poll() is not None
            )
        finally:
            child.returncode = child.returncode or 0  # it outlives us on purpose: nobody waits for it
        self._say(f"{TITLES[name]} is up at {server.url}")

    def _await_health(
        self, name: str, process: ProcessMark, *, within_s: float, ended: Callable[[], bool]
    ) -> None:
        port, reason = self._state[name].port, "it never answered"
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and not self._cancelled.is_set():
            if ended():
                taken = "" if is_free(port) else f"; port {port} is taken by {port_holder(port)}"
                raise _not_up(name, f"ended{taken}", self._log(name))
            try:
                check_health(name, self._found)
                if listens(process, port):
                    return
                reason = f"port {port} is taken by {port_holder(port)}"
            except ServiceAuthError as error:
                if listens(process, port):  # ours, with a token that was changed: waiting does not help
                    raise
                reason = str(error)
            except ServiceError as error:
                reason = str(error)
            self._cancelled.wait(_POLL_S)
        if self._cancelled.is_set():
            raise ServiceStartError(f"starting {TITLES[name]} was interrupted; run 'goldloop up' again")
        raise _not_up(name, f"was not well within {within_s:.0f} s: {reason}", self._log(name))

    def _log(self, name: str) -> Path:
        return self._workspace.logs / f"{name}.log"

    def _say(self, line: str) -> None:
        with self._lock:
            self._say_line(line)

    def _note(self, name: str, process: ProcessMark) -> ProcessMark:
        with self._lock:
            self._started = [one for one in self._started if one.mark != process.mark] + [process]
            self._state[name] = replace(self._state[name], process=process)
            save_state(self._workspace, self._state)
        return process

    def _take_back(self) -> None:
        stop(self._started)
        ended = {one.mark for one in self._started}
        for name, server in self._state.items():
            if server.process is not None and server.process.mark in ended:
                self._state[name] = replace(server, process=None)
        save_state(self._workspace, self._state)


def _not_up(name: str, what: str, log: Path) -> ServiceStartError:
    return ServiceStartError(
        f"{TITLES[name]} {what}. The end of {log}:\n{end_of(log)}\n"
        "Mend what it names and run 'goldloop up' again"
    )
