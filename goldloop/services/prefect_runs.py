"""Flow runs in Prefect whose process is gone: they become Crashed, so that none stays Running for ever."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from goldloop.core.loopback import client_options
from goldloop.services.endpoints import PrefectEndpoint
from goldloop.services.processes import created_at

_TIMEOUT_S = 10.0
_UNFINISHED = ["PENDING", "RUNNING", "CANCELLING"]
_PROCESS = re.compile(r"process (\S+) (\d+) (\d+)")
_SAME_START_S = 2.0  # clock corrections change a computed start time by up to a second
_UNTAGGED = timedelta(hours=1)  # a run names its process within seconds
_LONGEST = timedelta(hours=48)  # no run takes longer: every step ends after six hours
_PAGE = 200


def run_tags(workspace_id: str) -> list[str]:
    """Return the tags of a flow run of the workspace that this process carries out."""
    created = created_at(os.getpid()) or 0.0
    return [workspace_tag(workspace_id), f"process {socket.gethostname()} {os.getpid()} {created:.0f}"]


def workspace_tag(workspace_id: str) -> str:
    """Return the tag of deployments and flow runs of the workspace."""
    return f"goldloop workspace {workspace_id}"


def crash_dead_runs(server: PrefectEndpoint, workspace_id: str) -> int:
    """Set the workspace's unfinished flow runs whose process is gone to Crashed; return how many there were.

    A process of another machine, or of another container, cannot be looked up: its runs become Crashed when
    they have lasted longer than any run. If Prefect does not answer, nothing is done: whoever needs it will
    say so.
    """
    try:
        with prefect_client(server) as client:
            dead = [run for run in _unfinished(client, workspace_id) if _is_dead(run)]
            for run in dead:
                _crash(client, run)
            return len(dead)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return 0


def prefect_client(server: PrefectEndpoint) -> httpx.Client:
    """Return a client of the server's API, which waits for an answer for ten seconds."""
    user, _, password = (server.auth or "").partition(":")
    return httpx.Client(
        base_url=server.api_url,
        auth=(user, password) if server.auth else None,
        timeout=_TIMEOUT_S,
        **client_options(server.url),
    )


def _unfinished(client: httpx.Client, workspace_id: str) -> list[dict[str, Any]]:
    wanted = {
        "tags": {"all_": [workspace_tag(workspace_id)]},
        "state": {"type": {"any_": _UNFINISHED}},
    }
    reply = client.post("/flow_runs/filter", json={"flow_runs": wanted, "limit": _PAGE})
    runs: list[dict[str, Any]] = reply.raise_for_status().json()
    return runs


def _is_dead(run: dict[str, Any]) -> bool:
    age = datetime.now(UTC) - datetime.fromisoformat(run["state"]["timestamp"])
    processes = list(_processes(run["tags"]))
    if not processes:
        return age > _UNTAGGED
    host, pid, created = processes[-1]
    if host != socket.gethostname():
        return age > _LONGEST
    started = created_at(pid)
    return started is None or abs(started - created) > _SAME_START_S


def _processes(tags: Sequence[str]) -> Iterator[tuple[str, int, float]]:
    for tag in tags:
        if match := _PROCESS.fullmatch(tag):
            yield match[1], int(match[2]), float(match[3])


def _crash(client: httpx.Client, run: dict[str, Any]) -> None:
    message = "The process of this run was killed; `goldloop` found it gone."
    crashed = {"state": {"type": "CRASHED", "name": "Crashed", "message": message}, "force": True}
    wanted = {
        "flow_runs": {"id": {"any_": [run["id"]]}},
        "task_runs": {"state": {"type": {"any_": _UNFINISHED}}},
    }
    for task in client.post("/task_runs/filter", json=wanted).raise_for_status().json():
        client.post(f"/task_runs/{task['id']}/set_state", json=crashed).raise_for_status()
    client.post(f"/flow_runs/{run['id']}/set_state", json=crashed).raise_for_status()
