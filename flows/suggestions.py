"""Suggestions beside the schedules: the server that Label Studio asks when somebody opens a task."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from goldloop.adapters.label_studio.ml_backend import ConnectedBackend, MlBackend, MlBackendServer
from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.core.errors import GoldloopError
from goldloop.core.structured_log import log
from goldloop.loop.live_suggestions import LiveSuggestions
from goldloop.settings.metrics import MetricsAddress
from goldloop.settings.sealing_key import sealing_key
from goldloop.wiring import Wiring

LOOK_S = 15.0  # between two looks at which model's suggestions annotators see


@contextmanager
def suggestions_served(wiring: Wiring, address: MetricsAddress, *, look_s: float = LOOK_S) -> Iterator[str]:
    """Serve live suggestions to Label Studio's main project while the block runs; yield their address.

    Raises:
        ServiceError: the address is taken, or Label Studio refuses it.
    """
    live, password, settings = LiveSuggestions(wiring.tables), secrets.token_urlsafe(), wiring.settings
    keys = TaskKeys(sealing_key(wiring.workspace.root))
    backend = MlBackend(live.suggest, live.version, settings.label_set, settings.kind, keys)
    server, is_over = MlBackendServer(address, backend, password=password), threading.Event()
    at, place = f"http://{address.host}:{server.port}", wiring.endpoints.label_studio
    if ":" in address.host:
        at = f"http://[{address.host}]:{server.port}"
    try:
        project_id = wiring.queue().projects.main
        connected = ConnectedBackend(place.url, place.token, project_id, address=at, password=password)
        connected.show(live.version())
        thread = threading.Thread(
            target=_follow, args=(connected, live, is_over, look_s), name="shown model", daemon=True
        )
        thread.start()
        try:
            yield at
        finally:
            is_over.set()
            thread.join()
            with suppress(GoldloopError):  # a Label Studio that has ended asks nobody
                connected.remove()
    finally:
        server.close()


def disconnect_dead_suggestions(wiring: Wiring) -> str | None:
    """Disconnect the suggestions of a `goldloop serve` that was killed; return where they were.

    Until then Label Studio waits for them whenever somebody opens a task. A server that cannot be asked has
    none to wait for, and whatever comes next says what is wrong with it.
    """
    projects = wiring.workspace.identity.projects
    if not projects:
        return None
    try:
        place = wiring.endpoints.label_studio
        at = ConnectedBackend(place.url, place.token, projects[0].id).remove_dead()
    except GoldloopError:
        return None
    if at is not None:
        log(logging.WARNING, "suggestions.disconnected", dead_sentence(at), address=at)
    return at


def dead_sentence(address: str) -> str:
    """Say that suggestions do not answer any more."""
    return (
        f"suggestions at {address} did not answer, and Label Studio asks them no more; "
        "`goldloop serve --suggestions` connects them again"
    )


def _follow(
    connected: ConnectedBackend, live: LiveSuggestions, is_over: threading.Event, look_s: float
) -> None:
    """Tell Label Studio whenever another model's suggestions are shown, or when it has lost the backend."""
    told = live.version()
    while not is_over.wait(look_s):
        try:
            version = live.version()
            if version != told or not connected.is_there():
                connected.show(version)
                told = version
        except Exception as error:  # the next look may succeed
            name = type(error).__name__
            log(logging.WARNING, "suggestions.failed", f"the shown model is not told: {error}", error=name)
