"""Processes that outlive the command that started them, and how later commands identify them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from goldloop.core.errors import ServiceStartError
from goldloop.services.full_disk import full_disk, full_disk_under

MARK_VARIABLE = "GOLDLOOP_SERVER_MARK"
_CREATED_TOLERANCE_S = 2.0  # clock corrections change a computed start time by up to a second
_GRACE_S = 10.0  # from SIGTERM to SIGKILL


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """Identity of a process that goldloop started; a pid alone is reused by the system.

    `mark` is a random word in the environment of the process and its children. `pid` and `created` (seconds
    since the epoch) are None until the process has started. A process that works in another `folder`, if one
    is given, is not meant: who copies a workspace copies its marks too.
    """

    mark: str
    pid: int | None = None
    created: float | None = None
    folder: Path | None = field(default=None, compare=False)


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session, so that it outlives this command and its Ctrl-C."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def created_at(pid: int) -> float | None:
    """Return when the process started, in seconds since the epoch; None if it has ended."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def is_running(process: ProcessMark | None) -> bool:
    """Return whether this process is running; another process with its pid does not count."""
    return process is not None and _leader(process) is not None


def members(process: ProcessMark) -> list[psutil.Process]:
    """Return the process, its descendants, and all other processes with its mark (orphaned children)."""
    by_pid = {}
    leader = _leader(process)
    if leader is not None:
        by_pid[leader.pid] = leader
        with contextlib.suppress(psutil.Error):
            by_pid.update({child.pid: child for child in leader.children(recursive=True)})
    for other in psutil.process_iter():
        is_marked = other.pid not in by_pid and _mark_of(other) == process.mark
        if is_marked and _works_in(other, process.folder):
            by_pid[other.pid] = other
    return list(by_pid.values())


def stop(processes: Iterable[ProcessMark | None]) -> int:
    """End these processes and their members with SIGTERM, then SIGKILL; return how many there were."""
    ending = [member for process in processes if process for member in members(process)]
    for member in ending:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(ending, timeout=_GRACE_S)
    for member in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=_GRACE_S)
    return len(ending)


def listens(process: ProcessMark, port: int) -> bool:
    """Return whether the process or one of its members listens on `port`."""
    return any(_listens(member, port) for member in members(process))


def port_holder(port: int) -> str:
    """Return the name and pid of the process that listens on `port`, for an error message."""
    for other in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if _listens(other, port):
                return f"{other.name()} (process {other.pid})"
    return "a program of another user"


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        sockets = process.net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(socket.status == psutil.CONN_LISTEN and socket.laddr.port == port for socket in sockets)


def end_of(log: Path, n_lines: int = 20) -> str:
    """Return the last lines of a log, or "(the log is empty)"."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(lines[-n_lines:]) or "(the log is empty)"


def start_failure(what: str, log: Path, data: Path | None = None) -> ServiceStartError:
    """Return the error that `what` happened when a server with its `data` was installed or started."""
    said = end_of(log)
    full = full_disk_under("", said) or full_disk(data or log.parent)
    step = f"The cause is that {full}." if full else "Fix the error above, then run `goldloop up` again."
    return ServiceStartError(f"{what}. The end of {log}:\n{said}\n{step}")


def _leader(process: ProcessMark) -> psutil.Process | None:
    if process.pid is None or process.created is None:
        return None
    try:
        candidate = psutil.Process(process.pid)
        if candidate.status() == psutil.STATUS_ZOMBIE:
            return None
        if abs(candidate.create_time() - process.created) > _CREATED_TOLERANCE_S:
            return None
    except psutil.Error:
        return None
    is_marked = _mark_of(candidate) in (process.mark, None)
    return candidate if is_marked and _works_in(candidate, process.folder) else None


def _works_in(process: psutil.Process, folder: Path | None) -> bool:
    """Return whether the process works in or below `folder`, or in a folder that is gone.

    The system knows the working folder of a process under its present path, also when it was moved.
    """
    if folder is None:
        return True
    try:
        place = Path(process.cwd())
        return not place.is_dir() or any(parent.samefile(folder) for parent in (place, *place.parents))
    except (psutil.Error, OSError):
        return True


def _mark_of(process: psutil.Process) -> str | None:
    """Return the mark in the process's environment; "" if it has none, None if it cannot be read."""
    try:
        if process.uids().real != os.getuid():
            return ""
        return str(process.environ().get(MARK_VARIABLE, ""))
    except (psutil.Error, OSError):
        return None
