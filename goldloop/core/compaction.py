"""Compaction: what a table takes before and after its files are merged and the unneeded ones removed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableSize:
    """How many files a table has.

    `n_files` counts the data files of the newest version, which every read opens; `n_stored` those of all
    versions; `n_log` the files of the log. `n_bytes` is the size of data and log.
    """

    n_files: int
    n_stored: int
    n_log: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Compaction:
    """The compaction of one table; `n_versions` gold versions that nothing names no longer open."""

    table: str
    before: TableSize
    after: TableSize
    n_versions: int = 0
