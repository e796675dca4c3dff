"""Placement: the TCP port of each embedded server, which the server keeps."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Mapping

from goldloop.core.errors import ServiceStartError
from goldloop.services.endpoints import TITLES
from goldloop.services.processes import end_of, is_running, port_holder, stop
from goldloop.services.state import ServerState
from goldloop.settings.workspace import Workspace

_FIRST_PORT, _N_PORTS = 20_000, 10_000  # below the ports that systems use for outgoing connections


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
    if known.process is not None and is_running(known.process):
        return known
    if known.process is not None:
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
