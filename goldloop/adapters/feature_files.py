"""Features in two files that only grow: the ids of samples, and one row of numbers for each.

A record of `ids.bin` is the 32 bytes of a sample_id and the CRC-32 of its row in `rows.bin`, float16, at the
same position. Nothing is forced to the disk, as features can be computed again: a row that a power cut has
damaged does not match its CRC and counts as missing, and the next writer cuts off what is incomplete.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from goldloop.core.disk import disk_errors
from goldloop.core.samples import SampleId

_RECORD = np.dtype([("head", "<u8"), ("rest", "V24"), ("crc", "<u4")])
_FEWEST_UNSORTED = 4096  # new records that are looked up in a dict before all are sorted again

Row = npt.NDArray[np.float16]


class FeatureFiles:
    """The features of samples by one backbone, in `folder`. Satisfies `goldloop.core.ports.FeatureStore`."""

    def __init__(self, folder: Path, n_features: int) -> None:
        self.folder, self.n_features = folder, n_features
        self._ids, self._rows = folder / "ids.bin", folder / "rows.bin"
        self._heads: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._order: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._unsorted: dict[bytes, int] = {}
        self._n = 0
        self._seen = (0, 0)  # size of `ids.bin`, and when it changed
        self._records = np.empty(0, dtype=_RECORD)
        self._values = np.empty((0, n_features), dtype=np.float16)

    def get(self, sample_id: SampleId) -> Row | None:
        """Return the features of a sample, (n_features,), or None where they are not kept."""
        key = bytes.fromhex(sample_id)
        self._read_on()
        head, rest = int.from_bytes(key[:8], "little"), key[8:]
        place = int(np.searchsorted(self._heads, np.uint64(head)))  # an int would turn all heads into floats
        while place < len(self._heads) and self._heads[place] == head:
            position = int(self._order[place])
            if bytes(self._records["rest"][position]) == rest and (row := self._row(position)) is not None:
                return row
            place += 1
        position = self._unsorted.get(key, -1)
        return self._row(position) if position >= 0 else None

    def add(self, features: Mapping[SampleId, Row]) -> None:
        """Keep the features of samples.

        Raises:
            StorageError: the disk refused them; what was kept before is as it was.
        """
        if not features:
            return
        rows = np.stack(list(features.values())).astype("<f2")
        records = b"".join(
            bytes.fromhex(sample_id) + zlib.crc32(row.tobytes()).to_bytes(4, "little")
            for sample_id, row in zip(features, rows, strict=True)
        )
        with disk_errors("keep features", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock"), self._rows.open("ab") as values, self._ids.open("ab") as ids:
                n = min(ids.tell() // _RECORD.itemsize, values.tell() // self._row_bytes)
                values.truncate(n * self._row_bytes)
                ids.truncate(n * _RECORD.itemsize)
                values.write(rows.tobytes())
                values.flush()  # a record stands for a row that is there
                ids.write(records)

    @property
    def _row_bytes(self) -> int:
        return 2 * self.n_features

    def _row(self, position: int) -> Row | None:
        row = self._values[position]
        return np.array(row) if zlib.crc32(row.tobytes()) == self._records["crc"][position] else None

    def _read_on(self) -> None:
        """Take in what this or another process has added since."""
        try:
            state, n_bytes = os.stat(self._ids), os.stat(self._rows).st_size  # noqa: PTH116
        except FileNotFoundError:
            return
        if self._seen == (seen := (state.st_size, state.st_mtime_ns)):
            return
        self._seen = seen
        n = min(state.st_size // _RECORD.itemsize, n_bytes // self._row_bytes)
        if n == 0:
            return
        # as plain arrays, since each row of a memmap is a memmap, which takes longer to make than to read
        self._records = np.asarray(np.memmap(self._ids, _RECORD, "r", shape=(n,)))
        self._values = np.asarray(np.memmap(self._rows, "<f2", "r", shape=(n, self.n_features)))
        if n - len(self._order) > max(_FEWEST_UNSORTED, n // 8):
            heads: npt.NDArray[np.uint64] = np.array(self._records["head"])
            self._order = np.argsort(heads, kind="stable").astype(np.int64)
            self._heads, self._unsorted = heads[self._order], {}
        else:
            for position in range(self._n, n):
                self._unsorted[self._records[position].tobytes()[:32]] = position
        self._n = n
