"""The page of the workspace: written as a file, and served with a gallery of all samples."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flows.present import present_status, task_link
from goldloop.adapters.page_server import KEY, PageServer
from goldloop.core.errors import GoldloopError
from goldloop.reports.workspace_gallery import NAMES, Wanted
from goldloop.reports.workspace_page import FILE, WorkspacePage, workspace_page
from goldloop.settings.metrics import MetricsAddress
from goldloop.settings.sealing_key import sealing_key
from goldloop.wiring import Wiring, open_workspace

MOST_SHARE = 0.05
"""Largest share of the time for which pages are made anew while the tables change all the time."""


def page_of(wiring: Wiring) -> WorkspacePage:
    """Return the page of a workspace now; it links to the servers that run."""
    try:
        links = dict(wiring.endpoints.addresses)
    except GoldloopError:
        links = {}
    return workspace_page(wiring.ports, present_status(wiring), links=links, task_link=task_link(wiring))


def write_workspace_page(wiring: Wiring) -> Path:
    """Write the page into the folder of reports; return where it lies."""
    return page_of(wiring).file(wiring.workspace.reports)


def refresh_workspace_page(wiring: Wiring) -> Path | None:
    """Write the page again where it lies in the folder of reports; return where, None where it does not.

    Whoever wants the page has written it once; it shows samples and answers, which is not for every folder.
    """
    is_wanted = (wiring.workspace.reports / FILE).is_file()
    return write_workspace_page(wiring) if is_wanted else None


def page_key(wiring: Wiring) -> str:
    """Return the secret of the page's link, the same at each start; it follows from the workspace's key."""
    secret = sealing_key(wiring.workspace.root)
    return hmac.new(secret, b"goldloop page", hashlib.sha256).hexdigest()[:32]


def page_address(wiring: Wiring, address: MetricsAddress) -> str:
    """Return the link that opens the page."""
    return f"http://{address.host}:{address.port}/?{KEY}={page_key(wiring)}"


@dataclass(slots=True)
class PresentPage:
    """The page that is served: made anew only where a table has changed, and not too soon after the last.

    Requests come from several threads; one of them makes it, and the others wait.
    """

    open_page: Callable[[], WorkspacePage]
    versions: Callable[[], tuple[int, ...]]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _made: WorkspacePage | None = None
    _made_of: tuple[int, ...] = ()
    _next_look: float = 0.0

    def html(self, asked: Mapping[str, str]) -> str:
        """Return the page with the samples that were asked for."""
        with self._lock:
            return self._page().served(wanted_of(asked))

    def _page(self) -> WorkspacePage:
        if self._made is not None and time.monotonic() < self._next_look:
            return self._made
        versions = self.versions()
        if self._made is None or versions != self._made_of:
            started = time.monotonic()
            self._made, self._made_of = self.open_page(), versions
            ended = time.monotonic()
            self._next_look = ended + (ended - started) / MOST_SHARE
        return self._made


def wanted_of(asked: Mapping[str, str]) -> Wanted:
    """Return what an address asks for; what it does not name, and what is no number, restricts nothing."""
    page = asked.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 8 else 1
    return Wanted({name: asked[name] for name in NAMES if name in asked}, max(1, number))


@contextmanager
def page_served(workspace: Path, address: MetricsAddress) -> Iterator[int]:
    """Serve the page of `workspace` while the block runs; yield the port.

    Raises:
        ServiceError: the address is taken, or other machines can reach it.
    """
    wiring = open_workspace(workspace)

    def versions() -> tuple[int, ...]:
        return tuple(table.version() for table in wiring.tables.named.values())

    present = PresentPage(lambda: page_of(open_workspace(workspace)), versions)
    server = PageServer(address, present.html, key=page_key(wiring))
    try:
        yield server.port
    finally:
        server.close()
