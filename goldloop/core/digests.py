"""Sets of digests that take little more than the digests themselves, for millions of samples in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

SIZE = 16
"""Bytes of a digest: two of a million million different texts share one with a probability of 1e-15."""

_FEWEST, _SHARE = 4096, 8  # new digests are merged once they are 4,096 and an eighth of the others

Halves = npt.NDArray[np.uint64]


def digest(text: str) -> bytes:
    """Return a digest of `text`, SIZE bytes."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest()


class DigestSet:
    """A set of digests of SIZE bytes; it takes about 30 bytes for each, where a set of Python takes 110.

    Most are in arrays, sorted by their first halves; what is new is in a set, and merged when that has grown.

    >>> known = DigestSet([digest("a")])
    >>> known.add(digest("b"))
    >>> digest("b") in known, digest("c") in known, len(known)
    (True, False, 2)
    """

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self._first, self._second = _in_order(*_halves(digests))
        self._new: set[bytes] = set()

    def __len__(self) -> int:
        """Return the number of digests."""
        return len(self._first) + len(self._new)

    def __contains__(self, key: bytes) -> bool:
        """Return whether the set holds `key`."""
        if key in self._new:
            return True
        first, second = np.frombuffer(key, np.uint64)
        place = int(self._first.searchsorted(first))
        while place < len(self._first) and self._first[place] == first:
            if self._second[place] == second:
                return True
            place += 1
        return False

    def add(self, key: bytes) -> None:
        """Add `key`; nothing changes where it is there."""
        if key in self:
            return
        self._new.add(key)
        if len(self._new) >= max(_FEWEST, len(self._first) // _SHARE):
            self._merge()

    def _merge(self) -> None:
        first, second = _halves(self._new)
        self._first, self._second = _in_order(
            np.concatenate([self._first, first]), np.concatenate([self._second, second])
        )
        self._new.clear()


def _in_order(first: Halves, second: Halves) -> tuple[Halves, Halves]:
    """Return the digests in order, each once."""
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    is_other = np.ones(len(first), dtype=bool)
    is_other[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return first[is_other], second[is_other]


def _halves(digests: Iterable[bytes]) -> tuple[Halves, Halves]:
    """Return the first and the second halves of `digests`, (n,) each."""
    both = np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()
