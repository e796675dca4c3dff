"""The logs of the embedded servers: each keeps its newest part, so that they do not fill the disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

MOST_BYTES = 10 * 1024**2


def rotate(logs: Path) -> None:
    """Move the end of every log that has grown beyond MOST_BYTES to `NAME.log.1`, and begin it anew.

    The servers keep their logs open for appending, so goldloop empties the file and does not replace it.
    """
    for log in logs.glob("*.log"):
        with contextlib.suppress(OSError):  # another command was first, or the disk is full: emptying helps
            if log.stat().st_size <= MOST_BYTES:
                continue
            with log.open("rb") as file:
                file.seek(-MOST_BYTES // 2, os.SEEK_END)
                end = file.read()
            with contextlib.suppress(OSError):
                log.with_name(f"{log.name}.1").write_bytes(end)
            os.truncate(log, 0)
