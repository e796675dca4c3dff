"""Samples: what arrives in a batch, under which id, and why some files are set aside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

SampleId = NewType("SampleId", str)
"""64 lower-case hexadecimal digits: SHA-256 of the file's bytes."""

BatchId = NewType("BatchId", str)


class Reason(StrEnum):
    """Why a file is in quarantine."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    NOT_AN_IMAGE = "not an image"
    BOMB = "bomb"
    UNREADABLE = "unreadable"


class Arrived(StrEnum):
    """What became of a file on arrival; lanes follow for those that are `SAMPLE`."""

    SAMPLE = "sample"
    DUPLICATE = "duplicate"
    QUARANTINE = "quarantine"


def sample_id_of(content: bytes) -> SampleId:
    """Return the id of a sample: SHA-256 over its bytes, in lower-case hexadecimal."""
    return SampleId(hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file of a batch before it is read; `stamp` changes when the file is replaced."""

    uri: str
    size: int
    stamp: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a reader makes of one good file.

    `payload` is what the scorer takes (for an image: uint8, height x width x 3); the core hands it on
    without looking. `fingerprint` is a 64-bit perceptual hash as 16 hexadecimal digits, equal or nearly
    equal for near-duplicates, or None where the kind of data has no such thing.
    """

    payload: Any
    fingerprint: str | None = None
    metadata: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that was read: either decoded, or set aside with a reason."""

    file: FileRef
    sample_id: SampleId
    decoded: Decoded | None = None
    reason: Reason | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if (self.decoded is None) == (self.reason is None):
            raise ValueError(
                f"{self.file.uri}: an arrival is either decoded or has a reason, never both or neither"
            )
