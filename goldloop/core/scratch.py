"""Temporary folders of a step; the next step of its kind removes what a killed process has left."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SETTLED_S = 60  # a folder that is younger may have been made just now and not be locked yet


@contextmanager
def scratch_folder(step: str) -> Iterator[Path]:
    """Yield an empty folder of the system's temporary folder, which is removed at the end.

    Its process holds a lock on it, so that a folder without a lock belongs to a process that was killed.
    """
    _remove_left(step)
    with tempfile.TemporaryDirectory(prefix=_prefix(step)) as name:
        held = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(held)


def _remove_left(step: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_prefix(step)}*"):
        try:
            held = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:  # another user's, or gone already
            continue
        try:
            if time.time() - os.fstat(held).st_mtime > _SETTLED_S:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:  # its process is at work
            continue
        finally:
            os.close(held)


def _prefix(step: str) -> str:
    return f"goldloop-{step}-"
