"""Metrics beside the schedules: a thread that looks at the tables, and the server that Prometheus asks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goldloop.adapters.prometheus import MetricsServer
from goldloop.core.structured_log import log
from goldloop.reports.metrics import Watched, WorkspaceMetrics
from goldloop.services import endpoints
from goldloop.settings.metrics import MetricsAddress
from goldloop.wiring import Wiring, open_workspace


def watched(wiring: Wiring) -> Watched:
    """Return what the metrics of a workspace look at."""
    return Watched(wiring.workspace, wiring.tables, lambda: endpoints(wiring.workspace), wiring.ports.clock)


@contextmanager
def metrics_served(
    workspace: Path, address: MetricsAddress, *, token: str, refresh_s: float
) -> Iterator[int]:
    """Serve the metrics of `workspace` while the block runs; yield the port.

    Raises:
        ServiceError: the address is taken.
    """
    metrics, is_over = WorkspaceMetrics(watched(open_workspace(workspace))), threading.Event()
    server = MetricsServer(address, metrics.read, token=token)

    def look() -> None:
        while not is_over.is_set():
            try:
                metrics.refresh()
            except Exception as error:  # the next look may succeed, and the failure is counted
                log(logging.ERROR, "metrics.failed", f"no new figures: {error}", error=type(error).__name__)
            is_over.wait(refresh_s)

    thread = threading.Thread(target=look, name="metrics refresh", daemon=True)
    thread.start()
    try:
        yield server.port
    finally:
        is_over.set()
        server.close()
