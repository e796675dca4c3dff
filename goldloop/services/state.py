"""services/state.json: the port of each embedded server, which the server keeps, and its last process."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from goldloop.core.disk import write_whole
from goldloop.core.errors import ServiceError, ServiceStartError
from goldloop.services.processes import ProcessMark, end_of, is_running, port_holder, stop
from goldloop.settings.identity import original_of
from goldloop.settings.workspace import Workspace

TITLES = {"label_studio": "Label Studio", "prefect": "Prefect", "mlflow": "MLflow"}
_ROOT = "root"  # in the file, beside the servers: the folder that they belong to
_FIRST_PORT, _N_PORTS = 20_000, 10_000  # below the ports that systems use for outgoing connections


@dataclass(frozen=True, slots=True)
class ServerState:
    """An embedded server: its port, which it keeps, and its process, None after `down`."""

    port: int
    process: ProcessMark | None = None

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"


def load_state(workspace: Workspace) -> dict[str, ServerState]:
    """Return the recorded servers by name; empty before the first `up`, and in a copy before its own first.

    Raises:
        ServiceError: the file is damaged.
    """
    path = workspace.services / "state.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        recorded = content.pop(_ROOT, None)
        if recorded and original_of(workspace.root, workspace.id, recorded):
            return {}
        return {
            name: ServerState(fields["port"], _process(fields["process"], workspace.services / name))
            for name, fields in content.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ServiceError(
            f"{path} is damaged ({error}); end the servers of this workspace (see {workspace.logs}), then "
            "remove it"
        ) from error


def _process(fields: Mapping[str, Any] | None, folder: Path) -> ProcessMark | None:
    return ProcessMark(**{**fields, "folder": folder}) if fields else None


def moved_from(workspace: Workspace) -> str | None:
    """Return the folder in which the recorded servers were started, if it was another one."""
    try:
        recorded = json.loads((workspace.services / "state.json").read_text(encoding="utf-8")).get(_ROOT)
    except (OSError, ValueError, AttributeError):
        return None
    return None if recorded in (None, str(workspace.root)) else str(recorded)


def save_state(workspace: Workspace, state: dict[str, ServerState]) -> None:
    """Replace the recorded servers by `state` atomically."""
    path = workspace.services / "state.json"
    servers = {name: asdict(server) for name, server in state.items()}
    for fields in servers.values():
        if fields["process"]:
            del fields["process"]["folder"]  # that of whoever reads it
    write_whole(path, json.dumps({_ROOT: str(workspace.root)} | servers, indent=2))


def placed(
    workspace: Workspace,
    name: str,
    state: Mapping[str, ServerState],
    *,
    move_ports: bool,
    say: Callable[[str], None],
) -> ServerState:
    """Return the port of the server `name`, and its process if it is running.

    Raises:
        ServiceStartError: another program holds the port, and `move_ports` is False.
    """
    known = state.get(name)
    if known is None:
        return ServerState(_free_port(workspace, name, state))
    if is_running(known.process):
        return known
    stop([known.process])  # children of a server that was killed
    if is_free(known.port):
        return ServerState(known.port)
    holder = port_holder(known.port)
    if not move_ports:
        raise ServiceStartError(
            f"port {known.port} of this workspace's {TITLES[name]} is taken by {holder}; end that program, "
            "or move the server to another port with `goldloop up --move-ports`. The end of the last log:\n"
            f"{end_of(workspace.logs / f'{name}.log')}"
        )
    moved = ServerState(_free_port(workspace, name, state))
    say(f"{TITLES[name]} moves from port {known.port}, taken by {holder}, to {moved.port}")
    return moved


def is_free(port: int) -> bool:
    """Return whether a server can listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(workspace: Workspace, name: str, state: Mapping[str, ServerState]) -> int:
    """Return a free port, searched from a hash of path and name, so that workspaces rarely share one."""
    digest = hashlib.sha256(f"{workspace.root}:{name}".encode()).digest()
    start = int.from_bytes(digest[:4], "big") % _N_PORTS
    reserved = {server.port for server in state.values()}
    for step in range(_N_PORTS):
        port = _FIRST_PORT + (start + step) % _N_PORTS
        if port not in reserved and is_free(port):
            return port
    raise ServiceStartError(
        f"no port from {_FIRST_PORT} to {_FIRST_PORT + _N_PORTS - 1} is free; end a program that uses one"
    )
