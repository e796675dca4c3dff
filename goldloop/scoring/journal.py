"""The journal: what was decided live and is not in the tables yet, a line each, forced to the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import SEEK_END, FileIO
from pathlib import Path
from typing import Any

from filelock import FileLock

from goldloop.core.disk import disk_errors, force_folder, make_folder

MOMENTS = ("arrived_at", "scored_at")


class Journal:
    """Lines in the file `path`; a line is there, whole, before what it says is told to anybody."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, entry: Mapping[str, Any]) -> None:
        """Append an entry and force it to the disk; nothing of it stays where the disk is full.

        A torn last line is removed first.
        """
        line = json.dumps(entry, ensure_ascii=False, default=datetime.isoformat) + "\n"
        with disk_errors("record a decision", self.path), self.locked():
            is_new = not self.path.exists()
            with self.path.open("ab+", buffering=0) as file:
                whole = _whole_lines(file)
                file.truncate(whole)
                try:
                    left = memoryview(line.encode())
                    while left:  # a disk that is nearly full takes a part
                        left = left[file.write(left) :]
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(whole)
                    raise
            if is_new:
                force_folder(self.path.parent)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing; what is read and cleared in between is all there was."""
        make_folder(self.path.parent)
        with FileLock(self.path.with_suffix(".lock")):
            yield

    def entries(self) -> list[dict[str, Any]]:
        """Return the entries, oldest first; a last line that a power cut has torn is none."""
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b"\n")
        return [json.loads(line, object_hook=_with_moments) for line in lines[:-1]]

    def clear(self) -> None:
        """Forget all entries, which are in the tables now."""
        with disk_errors("clear the journal of decisions", self.path):
            self.path.unlink(missing_ok=True)
            if self.path.parent.is_dir():
                force_folder(self.path.parent)


def _whole_lines(file: FileIO) -> int:
    """Return how many bytes of the file are whole lines."""
    n = file.seek(0, SEEK_END)
    if not n:
        return 0
    file.seek(n - 1)
    if file.read(1) == b"\n":
        return n
    file.seek(0)
    return file.read().rfind(b"\n") + 1


def _with_moments(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: datetime.fromisoformat(row[name]) for name in MOMENTS if isinstance(row.get(name), str)}
    return row | moments
