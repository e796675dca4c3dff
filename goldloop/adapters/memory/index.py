"""The index of what has arrived, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from goldloop.core.digest_index import Entries


class MemoryIndex:
    """Sets of digests in memory. Satisfies `goldloop.core.digest_index.DigestIndex`."""

    def __init__(self) -> None:
        self.sets: dict[str, dict[bytes, int]] = {}
        self._notes: dict[str, str] = {}
        self._mark: str | None = None
        self._generation = 0

    def mark(self) -> str | None:
        """Return the mark of the commit up to which the index is complete; None where it is empty."""
        return self._mark

    def put(self, parts: Iterable[Entries], mark: str, *, after: str | None, is_whole: bool) -> bool:
        """Add entries, after which the index is complete up to `mark`: all of them, or none; see the port."""
        entries = list(parts)
        if self._mark != after:
            return False
        if is_whole:
            self.sets, self._notes, self._generation = {}, {}, -1
        self._mark, self._generation = mark, self._generation + 1
        for part in entries:
            for name, digests in part.digests.items():
                for one in digests:
                    self.sets.setdefault(name, {}).setdefault(one, self._generation)
            self._notes |= part.notes
        return True

    def generation(self) -> int:
        """Return how often entries were put since the index was derived from a whole table."""
        return self._generation

    def find(self, name: str, digests: Sequence[bytes], *, until: int | None = None) -> set[bytes]:
        """Return those of `digests` that are in the set `name`, and were there in generation `until`."""
        there = self.sets.get(name, {})
        last = self._generation if until is None else until
        return {one for one in digests if one in there and there[one] <= last}

    def count(self, name: str) -> int:
        """Return the number of digests in the set `name`."""
        return len(self.sets.get(name, {}))

    def notes(self) -> dict[str, str]:
        """Return all notes."""
        return dict(self._notes)
