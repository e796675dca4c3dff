"""What deltalake writes on the error output while it works, held back until it is known how that ended.

Its threads print a Rust stack when the disk refuses a write; goldloop raises that as a sentence.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator

_STDERR = 2
_held = threading.Lock()


@contextlib.contextmanager
def stderr_aside() -> Iterator[Callable[[], None]]:
    """Hold back the error output of this process, and print it after the block.

    Yields a function that drops it instead. Of several threads only the first holds it back.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_first())
            kept = os.dup(_STDERR)
            stack.callback(os.close, kept)
            aside = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # no place to hold it: then it is printed at once
            yield lambda: None
            return
        is_dropped = threading.Event()
        _flush()
        os.dup2(aside.fileno(), _STDERR)
        try:
            yield is_dropped.set
        finally:
            _flush()
            os.dup2(kept, _STDERR)
            if not is_dropped.is_set():
                _print(aside.fileno(), kept)


@contextlib.contextmanager
def _first() -> Iterator[None]:
    if not _held.acquire(blocking=False):
        raise BlockingIOError
    try:
        yield
    finally:
        _held.release()


def _flush() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()


def _print(source: int, target: int) -> None:
    with contextlib.suppress(OSError):
        os.lseek(source, 0, os.SEEK_SET)
        while part := os.read(source, 65536):
            os.write(target, part)
