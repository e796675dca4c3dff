"""Processes that outlive the command that started them, and are still recognised for sure afterwards."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK_VARIABLE = "GOLDLOOP_SERVER_MARK"
_CREATED_TOLERANCE_S = 2.0  # clock corrections move a process's computed start time by up to a second
_GRACE_S = 10.0  # then SIGKILL


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """Identifies a process we started beyond its pid, which the system gives to another one later.

    `mark` is a random word in the environment of the process and of all its children; `pid` and `created`
    (seconds since the epoch) are None in the instant between the decision to start it and its start.
    """

    mark: str
    pid: int | None = None
    created: float | None = None


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session, so that it outlives us and no Ctrl-C of ours reaches it."""
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
    """Return when the process started, in seconds since the epoch; None when it is gone already."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def is_running(process: ProcessMark) -> bool:
    """Return whether exactly this process lives; another one with its pid does not count."""
    return _leader(process) is not None


def members(process: ProcessMark) -> list[psutil.Process]:
    """Return the process, its descendants, and whatever else carries its mark (children it left behind)."""
    found = {}
    leader = _leader(process)
    if leader is not None:
        found[leader.pid] = leader
        with contextlib.suppress(psutil.Error):
            found.update({child.pid: child for child in leader.children(recursive=True)})
    for other in psutil.process_iter():
        if other.pid not in found and _mark_of(other) == process.mark:
            found[other.pid] = other
    return list(found.values())


def stop(processes: Iterable[ProcessMark]) -> int:
    """End these processes with all their members, politely and then surely; return how many there were."""
    doomed = [member for process in processes for member in members(process)]
    for member in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(doomed, timeout=_GRACE_S)
    for member in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, timeout=_GRACE_S)
    return len(doomed)


def listens(process: ProcessMark, port: int) -> bool:
    """Return whether the process or one of its members listens on `port`."""
    for member in members(process):
        try:
            connections = member.net_connections(kind="tcp")
        except psutil.Error:
            continue
        if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections):
            return True
    return False


def port_holder(port: int) -> str:
    """Return who listens on `port`, as far as we may see it, for an error message."""
    for other in psutil.process_iter():
        try:
            connections = other.net_connections(kind="tcp")
            if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections):
                return f"{other.name()} (process {other.pid})"
        except psutil.Error:
            continue
    return "a program of another user"


def end_of(log: Path, n_lines: int = 20) -> str:
    """Return the last lines of a log, or say that there are none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(lines[-n_lines:]) or "(the log is empty)"


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
    return candidate if _mark_of(candidate) in (process.mark, None) else None


def _mark_of(process: psutil.Process) -> str | None:
    """Return the mark in the process's environment, "" for none, None where we may not look."""
    try:
        if process.uids().real != os.getuid():
            return ""
        return str(process.environ().get(MARK_VARIABLE, ""))
    except (psutil.Error, OSError):
        return None
