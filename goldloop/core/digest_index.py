"""The index of what has arrived: its port, what it is given, and where a table says that it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class AddedRows:
    """The rows that commits have added to a table, in `parts` that memory can hold.

    `mark` names the newest of these commits, and with it the history that led there: a table that was
    restored, or copied and written differently, never has it. `is_whole` says that the parts are the whole
    table, in any order, because it does not know the commit after which it was asked, or cannot tell what was
    added since; else they are in the order of the commits.
    """

    mark: str
    is_whole: bool
    parts: Iterator[pa.Table]


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries for an index: `digests` by the name of their set, and `notes` by the name of each."""

    digests: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


class DigestIndex(Protocol):
    """Sets of digests, and notes, that are derived from a table and looked up without reading it.

    They are complete up to the commit that `mark` names. An index may be lost at any moment: it is then
    empty, has no mark, and is derived anew.
    """

    def mark(self) -> str | None:
        """Return the mark of the commit up to which the index is complete; None where it is empty."""

    def put(self, parts: Iterable[Entries], mark: str, *, after: str | None, is_whole: bool) -> bool:
        """Add entries, after which the index is complete up to `mark`: all of them, or none.

        A digest that is there stays as it is, a note is replaced; `is_whole` forgets all entries first.
        Return False, and change nothing, where another process has moved the mark on from `after`.
        """

    def generation(self) -> int:
        """Return how often entries were put since the index was derived from a whole table."""

    def find(self, name: str, digests: Sequence[bytes], *, until: int | None = None) -> set[bytes]:
        """Return those of `digests` that are in the set `name`, and were there in generation `until`."""

    def count(self, name: str) -> int:
        """Return the number of digests in the set `name`."""

    def notes(self) -> dict[str, str]:
        """Return all notes."""
