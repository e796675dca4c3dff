"""`up` and `down`: the embedded servers start together, are used again, and end together."""

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

_PATIENCE_S = 600.0  # as long as another `up` may take that installs Label Studio first


def up(workspace: Workspace, *, say: Callable[[str], None], move_ports: bool = False) -> Endpoints:
    """Start the embedded servers that do not run yet, wait until all are well, return where they answer.

    Servers that settings place elsewhere are only asked for their health. Ports stay what they were; with
    `move_ports`, a port that another program holds by now is given up for a free one. When one server does
    not come up, those that this call started are ended again.

    Raises:
        ServiceStartError: a server did not come up, or its port is taken; with the end of its log.
        ServiceUnreachableError: a server elsewhere does not answer.
        ServiceAuthError: a server elsewhere refuses our credentials.
        BusyError: another `up` or `down` is at work here.
    """
    elsewhere = external_urls(workspace)
    names = [name for name in TITLES if name not in elsewhere]
    if not names:
        found = resolved_endpoints(workspace, elsewhere, None)
        _check(elsewhere, found)
        return found
    with _alone(workspace):
        credentials = ensure_credentials(workspace)
        state = load_state(workspace)
        for name in names:
            state[name] = placed(workspace, name, state, move_ports=move_ports, say=say)
        save_state(workspace, state)
        urls = elsewhere | {name: state[name].url for name in names}
        found = resolved_endpoints(workspace, urls, credentials)
        _check(elsewhere, found)
        Start(workspace, state, credentials, found, say).run(names)
        return found


def down(workspace: Workspace, *, say: Callable[[str], None]) -> int:
    """End exactly the servers that `up` started in this workspace; return how many processes ended.

    A process that merely got a recorded pid later is left alone. Nothing to end is fine.

    Raises:
        BusyError: another `up` or `down` is at work here.
    """
    if not workspace.services.exists():
        return 0
    with _alone(workspace):
        state = load_state(workspace)
        n_ended = stop([one.process for one in state.values() if one.process is not None])
        save_state(workspace, {name: replace(one, process=None) for name, one in state.items()})
    say(f"servers ended, processes: {n_ended}" if n_ended else "nothing was running")
    return n_ended


def _check(elsewhere: dict[str, str], found: Endpoints) -> None:
    for name in elsewhere:
        check_health(name, found)


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    for folder in (workspace.services, workspace.logs):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # databases and logs are for their owner's eyes only
    lock = FileLock(workspace.services / "lock")
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise BusyError(
            f"another 'goldloop up' or 'down' holds {lock.lock_file}; wait until it is done, or end it"
        ) from None
    try:
        yield
    finally:
        lock.release()
