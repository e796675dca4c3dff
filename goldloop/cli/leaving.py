"""The end of a command: what Prefect's client has not sent by then is given up after some seconds."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

LAST_S = 5.0


def bound_exit(code: int) -> None:
    """Let this process end with `code` within `LAST_S` once Python begins to shut down.

    Prefect's client waits there for its events and logs, for minutes if its server does not answer. Nothing
    that a command reports depends on them: tables are on the disk, and servers have replied, before.
    """
    # Python calls the newest first, so before Prefect's; a public hook would come after them
    threading._register_atexit(_end_soon, code)  # type: ignore[attr-defined]


def _end_soon(code: int) -> None:
    timer = threading.Timer(LAST_S, _end, [code])
    timer.daemon = True  # a shutdown that ends by itself does not wait
    timer.start()


def _end(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
