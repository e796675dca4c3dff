"""Compaction of a Delta table: small files are merged, the log is shortened, unneeded files are removed.

The order makes a kill harmless: what replaces something is on the disk before the record says that the old
is gone, and the record before the old is removed. So whatever is found can be finished by the next run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError
from filelock import FileLock, Timeout

from goldloop.adapters.delta_dead_files import data_files, dead_files, n_bytes, unneeded_log
from goldloop.adapters.delta_history import ShortenedLog, read_removed, save_removed, save_shortened
from goldloop.adapters.delta_log import TableFiles
from goldloop.core.compaction import Compaction, TableSize
from goldloop.core.errors import TableConflictError

ZSTD = WriterProperties(compression="ZSTD")
WHOLE = 32 << 20
"""Bytes of a file that is large enough; a merge of rows rewrites each file that it touches."""
PROPERTIES = {"delta.deletedFileRetentionDuration": "interval 1 days", "delta.checkpointInterval": "10"}
"""For how long a checkpoint lists removed files, which goldloop finds without; and how many commits a process
reads one by one that opens the table: 40 take 27 ms, and a checkpoint takes 18 ms to write."""
SMALL, MOST_SMALL = 1 << 20, 8
"""A write merges files below so many bytes, once more of them are less than half of it: reading costs 2 ms a
small file, merging 40 ms (python -m scripts.bench.housekeeping). Larger ones wait for `goldloop compact`: to
merge them took 250 MB of memory in a pass of 2,000,000 rows."""
MERGING_S = 10.0
"""How long a compaction waits for a write that merges files, which takes less than a second."""
_ATTEMPTS = 12


def merge_small_files(files: TableFiles, table: DeltaTable) -> int | None:
    """Merge the small files of the newest version `table` when there are many, unless others write too.

    Return the version of the commit that did it where that is the one after `table`. Without room on the disk
    for it, or when another writer is first or merges, it is left to the next write.
    """
    version = int(table.version())
    if not _is_many(_sizes(table)):
        return None
    with suppress(CommitFailedError, Timeout), _merging(files, table, wait_s=0):
        sizes = _sizes(table)
        if _is_many(sizes) and files.has_room(sum(size for size in sizes if size < SMALL)):
            merged = _merge(files, table, SMALL)
            return merged if merged == version + 1 else None
    return None


def _is_many(sizes: list[int]) -> bool:
    return sum(size < SMALL // 2 for size in sizes) > MOST_SMALL


@contextmanager
def _merging(files: TableFiles, table: DeltaTable, *, wait_s: float) -> Iterator[None]:
    """Keep other processes from merging files, and bring `table` up to date, so that nobody merges the same.

    deltalake 1.6 sees no conflict between two merges of the same files: both results stay, and their rows are
    there twice. It does see one with a commit that changes rows.

    Raises:
        Timeout: another process was merging for `wait_s` seconds.
    """
    with FileLock(files.folder / "_merging.lock", timeout=wait_s):
        with files.errors("read the log of"):
            table.update_incremental()
        files.trust(int(table.version()))
        yield


def _merge(files: TableFiles, table: DeltaTable, below: int) -> int | None:
    """Merge the files of `table` below so many bytes; return the version then, None where none was merged."""
    version = int(table.version()) + 1
    with files.errors("compact"):
        done = table.optimize.compact(
            target_size=below,
            max_concurrent_tasks=1,  # each takes memory
            writer_properties=ZSTD,
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    if not done["numFilesRemoved"]:
        return None
    newest = int(table.version())
    for number in range(version, newest):  # appends of others, on top of which deltalake commits
        files.force(number)
    files.trust(newest)
    return newest


def _sizes(table: DeltaTable) -> list[int]:
    """Return the size in bytes of each file of an opened version."""
    sizes: list[int] = pa.table(table.get_add_actions())["size_bytes"].to_pylist()
    return sizes


def _paths(table: DeltaTable) -> list[str]:
    """Return the path of each file of an opened version, below the table's folder."""
    paths: list[str] = pa.table(table.get_add_actions())["path"].to_pylist()
    return paths


@dataclass(frozen=True, slots=True)
class Compactor:
    """Compacts one table; `open` returns a version of it (None: the newest), checked and on the disk.

    Versions committed since `before` stay, as do those of `named` if the table `keeps_named` versions.
    """

    files: TableFiles
    open: Callable[[int | None], DeltaTable]
    keeps_named: bool
    named: Collection[int]
    before: datetime

    def expect(self) -> Compaction:
        """Return what `run` would do if nobody else wrote; nothing is changed."""
        table = self.open(None)
        size = self._size(table)
        shortened = self._shortened(table, summed_up=self.files.summed_up(None))
        old = [*unneeded_log(self.files.log, shortened), *self._dead(shortened, int(table.version()))]
        small = [one for one in _sizes(table) if one < WHOLE]
        n_log = sum(path.parent == self.files.log for path in old)
        after = TableSize(
            n_files=size.n_files - len(small) + ceil(sum(small) / WHOLE) if len(small) > 1 else size.n_files,
            n_stored=size.n_stored - len(old) + n_log + (len(small) > 1),
            n_log=size.n_log - n_log,
            n_bytes=size.n_bytes - n_bytes(old),
        )
        return Compaction(self.files.name, size, after, self._n_removed(shortened))

    def run(self, at: datetime) -> Compaction:
        """Compact the table; `at` is recorded as the moment at which versions were removed.

        Raises:
            StorageError: the disk refused a write; nothing is lost, and the next run goes on.
            TableConflictError: other writers won every attempt.
        """
        summed_up = self.files.summed_up(None)  # where a process begins that opens the table meanwhile
        before = self._size(self.open(None))
        self._merge_all()
        table = self.open(None)
        shortened = self._shortened(table, summed_up=summed_up)
        n_versions = self._n_removed(shortened)
        newest = int(table.version())
        for version in (*sorted(shortened.kept), *({shortened.begins, newest} - {0})):
            self._sum_up(version)
        earlier = self.files.shortened()
        if shortened.begins > earlier.begins:
            if self.keeps_named:
                self._record_entries(table, shortened, at)
            earlier = ShortenedLog(shortened.begins, shortened.kept, at)
            save_shortened(self.files.log, earlier)
        with self.files.errors("remove dead files of"):
            for path in (*unneeded_log(self.files.log, earlier), *self._dead(earlier, newest)):
                path.unlink(missing_ok=True)
        return Compaction(self.files.name, before, self._size(self.open(None)), n_versions)

    def _merge_all(self) -> None:
        for number in range(_ATTEMPTS):
            table = self.open(None)
            small = [size for size in _sizes(table) if size < WHOLE]
            try:
                if not PROPERTIES.items() <= table.metadata().configuration.items():
                    self._set_properties(table)
                if len(small) > 1:
                    self.files.room_for(sum(small))
                    with _merging(self.files, table, wait_s=MERGING_S):
                        _merge(self.files, table, WHOLE)
                return
            except (CommitFailedError, Timeout):
                time.sleep(random.uniform(0.01, 0.05 * 2 ** min(number, 6)))
        raise TableConflictError(
            f"other writers changed table {self.files.name!r} {_ATTEMPTS} times in a row; run the command "
            "again"
        )

    def _set_properties(self, table: DeltaTable) -> None:
        version = int(table.version()) + 1
        with self.files.errors("set properties of"):
            table.alter.set_table_properties(PROPERTIES)
        self.files.trust(version)

    def _shortened(self, table: DeltaTable, *, summed_up: int) -> ShortenedLog:
        """Return from where on the log is needed: by versions since `before`, and by whoever opens it now.

        The version before the newest stays, as a power cut may have torn the newest commit.
        """
        earlier, newest = self.files.shortened(), int(table.version())
        begins, most = earlier.begins, min(summed_up, newest - 1)
        while begins < most and self._committed_at(begins + 1, newest) < self.before:
            begins += 1
        named = {version for version in self.named if earlier.begins <= version < begins}
        kept = earlier.kept | named if self.keeps_named else frozenset()
        return ShortenedLog(begins, frozenset(kept), earlier.removed_at)

    def _committed_at(self, number: int, newest: int) -> datetime:
        for action in self.files.actions(number, newest):
            if "timestamp" in action.get("commitInfo", {}):
                return datetime.fromtimestamp(action["commitInfo"]["timestamp"] / 1000, UTC)
        return datetime.fromtimestamp((self.files.log / f"{number:020}.json").stat().st_mtime, UTC)

    def _n_removed(self, shortened: ShortenedLog) -> int:
        """Return how many versions open before and not after the log is shortened."""
        earlier = self.files.shortened()
        n_opened = shortened.begins - earlier.begins
        return n_opened - len(shortened.kept - earlier.kept) if self.keeps_named else 0

    def _sum_up(self, version: int) -> None:
        """Write the checkpoint of `version` unless there is a whole one, and force it to the disk.

        deltalake writes it under its name at once, so a power cut leaves a torn one.
        """
        earlier = self.files.shortened()
        if version in earlier.kept or version == earlier.begins > 0:
            return
        self.files.remove_torn_checkpoint(version)
        if version not in self.files.checkpoints():
            self.files.check_version(version)
            with self.files.errors("write a checkpoint of"):
                self.open(version).create_checkpoint()
        self.files.force_checkpoint(version)

    def _record_entries(self, table: DeltaTable, shortened: ShortenedLog, at: datetime) -> None:
        first = self.files.shortened().begins
        self.files.check_history(int(table.version()))
        with self.files.errors("read the log of"):
            entries = [one for one in table.history() if first <= one["version"] < shortened.begins]
        entries += read_removed(self.files.log, first)
        save_removed(self.files.log, entries, kept=shortened.kept, at=at)

    def _dead(self, shortened: ShortenedLog, newest: int) -> list[Path]:
        commits = (self.files.actions(number, newest) for number in range(shortened.begins, newest + 1))
        return dead_files(
            self.files.folder,
            shortened,
            lambda version: _paths(self.open(version)),
            commits,
            before=self.before,
        )

    def _size(self, table: DeltaTable) -> TableSize:
        stored, log = data_files(self.files.folder), [*self.files.log.iterdir()]
        return TableSize(len(_sizes(table)), len(stored), len(log), n_bytes([*stored, *log]))
