"""Which port each embedded server has: chosen once, kept for ever, never somebody else's."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Mapping

from goldloop.core.errors import ServiceStartError
from goldloop.services.endpoints import TITLES
from goldloop.services.processes import end_of, is_running, port_holder, stop
from goldloop.services.state import ServerState
from goldloop.settings.workspace import Workspace

_FIRST_PORT, _N_PORTS = 20_000, 10_000  # below the ports that systems lend to outgoing connections


def placed(
    workspace: Workspace,
    name: str,
    state: Mapping[str, ServerState],
    *,
    move_ports: bool,
    say: Callable[[str], None],
) -> ServerState:
    """Return where the server `name` runs, or where it is to run.

    Raises:
        ServiceStartError: another program holds its port, and `move_ports` is False.
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
            f"port {known.port}, where people know this workspace's {TITLES[name]}, is taken by {holder}; "
            "end it, or let the server move with 'goldloop up --move-ports'. The end of the last log:\n"
            f"{end_of(workspace.logs / f'{name}.log')}"
        )
    moved = ServerState(_free_port(workspace, name, state))
    say(f"{TITLES[name]} moves from port {known.port}, taken by {holder}, to {moved.port}")
    return moved


def is_free(port: int) -> bool:
    """Return whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: closed connections linger
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port(workspace: Workspace, name: str, state: Mapping[str, ServerState]) -> int:
    """Return a free port that depends on the workspace's place, so that it is likely to stay free for it."""
    digest = hashlib.sha256(f"{workspace.root}:{name}".encode()).digest()
    start = int.from_bytes(digest[:4], "big") % _N_PORTS
    reserved = {one.port for one in state.values()}
    for step in range(_N_PORTS):
        port = _FIRST_PORT + (start + step) % _N_PORTS
        if port not in reserved and is_free(port):
            return port
    raise ServiceStartError(
        f"no port from {_FIRST_PORT} to {_FIRST_PORT + _N_PORTS - 1} is free; end some of the programs there"
    )
