"""`up` and `down`: start and end the embedded servers of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from filelock import FileLock, Timeout

from goldloop.core.errors import BusyError
from goldloop.services.credentials import ensure_credentials
from goldloop.services.endpoints import TITLES, Endpoints, external_urls, resolved_endpoints
from goldloop.services.health import check_health
from goldloop.services.placement import placed
from goldloop.services.processes import stop
from goldloop.services.startup import Start
from goldloop.services.state import load_state, save_state
from goldloop.settings.workspace import Workspace

_PATIENCE_S = 600.0  # another `up` may have to install Label Studio first


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
    external = external_urls(workspace)
    names = [name for name in TITLES if name not in external]
    if not names:
        return _checked(external, resolved_endpoints(workspace, external, None))
    with _alone(workspace):
        credentials = ensure_credentials(workspace)
        state = load_state(workspace)
        for name in names:
            state[name] = placed(workspace, name, state, move_ports=move_ports, say=say)
        save_state(workspace, state)
        urls = external | {name: state[name].url for name in names}
        endpoints = _checked(external, resolved_endpoints(workspace, urls, credentials))
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
    with _alone(workspace):
        state = load_state(workspace)
        n_ended = stop([server.process for server in state.values() if server.process is not None])
        save_state(workspace, {name: replace(server, process=None) for name, server in state.items()})
    say(f"ended {n_ended} processes of the servers" if n_ended else "no server was running")
    return n_ended


def _checked(external: dict[str, str], endpoints: Endpoints) -> Endpoints:
    for name in external:
        check_health(name, endpoints)
    return endpoints


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    for folder in (workspace.services, workspace.logs):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # only the owner may read databases and logs
    lock = FileLock(workspace.services / "lock")
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise BusyError(
            f"another `goldloop up` or `goldloop down` holds {lock.lock_file}; wait until it ends, or end it"
        ) from None
    try:
        yield
    finally:
        lock.release()
