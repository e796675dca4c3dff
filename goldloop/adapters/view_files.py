"""Materialized views in Parquet files, which may be removed at any moment: they are derived again."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from goldloop.core.disk import disk_errors, make_folder, put_in_place
from goldloop.core.materialized_views import DEFINITION, MARK, StoredView

_UNFINISHED_S = 86_400  # after which the file of a writer that was killed is removed


class ViewFiles:
    """The views in `folder`. Satisfies `goldloop.core.materialized_views.ViewStore`.

    A file has a random name and never changes, so that what was read about it holds for whoever opens it
    later. Of several, as two writers leave them, the one of the newest commit counts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str, definition: str) -> StoredView | None:
        """Return the newest view `name` of this `definition`; None where there is none that can be read."""
        found = [view for path in self._files(name) if (view := _stored(path, definition)) is not None]
        return max(found, key=lambda view: _number(view.mark), default=None)

    def save(self, name: str, write: Callable[[Path], None]) -> None:
        """Keep the file that `write` makes, with definition and mark in it, in place of older ones."""
        beside = self._folder / f".{name}.{secrets.token_hex(8)}.parquet"
        with disk_errors(f"write the view {name}", beside):
            make_folder(self._folder)
            older = [*self._files(name), *self._unfinished(name)]
            try:
                write(beside)
                put_in_place(beside, beside.with_name(beside.name[1:]))
            finally:
                beside.unlink(missing_ok=True)
            _remove(older)

    def discard(self, view: StoredView) -> None:
        """Remove a view that could not be read."""
        _remove([view.path])

    def _files(self, name: str) -> list[Path]:
        return sorted(self._folder.glob(f"{name}.*.parquet"))

    def _unfinished(self, name: str) -> Iterator[Path]:
        for path in self._folder.glob(f".{name}.*.parquet"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _UNFINISHED_S:
                    yield path


def _stored(path: Path, definition: str) -> StoredView | None:
    """Return the view in a file; None where it is gone, torn or of another definition."""
    try:
        found = pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return None
    noted = {key.decode(): value.decode() for key, value in (found.metadata or {}).items()}
    is_asked_for = noted.get(DEFINITION) == definition and MARK in noted
    return StoredView(path, noted[MARK], found.num_rows) if is_asked_for else None


def _number(mark: str) -> int:
    number = mark.partition(" ")[0]
    return int(number) if number.isdigit() else -1


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()
