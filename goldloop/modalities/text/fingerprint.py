"""A 64-bit hash of a text: nearly equal for texts that share nearly all of their wording."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import numpy.typing as npt

MAX_DISTANCE = 7
"""Bits in which near-duplicates differ at most; measured, see docs/decisions/0004-near-duplicates.md."""

_SHINGLE = 5  # characters
_DIGIT, _NO_WORD = re.compile(r"\d"), re.compile(r"[\W_]+")
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)


def fingerprint_of(text: str) -> str | None:
    """Return the SimHash [charikar2002] of the text's 5-character shingles as 16 hexadecimal digits.

    Case, punctuation and which digits stand in a number do not count. None for a text without any letter or
    digit, which is like no other.
    """
    folded = _DIGIT.sub("0", unicodedata.normalize("NFKC", text).casefold())
    words = _NO_WORD.sub(" ", folded).strip()
    if not words:
        return None
    characters = f" {words} ".ljust(_SHINGLE)
    codes = np.frombuffer(characters.encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    n_shingles = len(codes) - _SHINGLE + 1
    hashes = _mixed(codes[:n_shingles])
    for start in range(1, _SHINGLE):
        hashes = _mixed(hashes ^ codes[start : start + n_shingles])
    hashes.sort()
    is_other = np.ones(n_shingles, dtype=bool)  # than the one before: np.unique takes as long as all of this
    np.not_equal(hashes[1:], hashes[:-1], out=is_other[1:])
    hashes = hashes[is_other]
    bits = np.unpackbits(hashes.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
    n_set = bits.sum(axis=0, dtype=np.int64)
    return np.packbits(2 * n_set > len(hashes)).tobytes().hex()


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return `values` with every bit depending on every other: the finaliser of SplitMix64 [steele2014]."""
    mixed = values + _GAMMA
    mixed ^= mixed >> _SHIFTS[0]
    mixed *= _FACTORS[0]
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _FACTORS[1]
    mixed ^= mixed >> _SHIFTS[2]
    return mixed
