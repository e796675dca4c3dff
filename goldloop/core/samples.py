"""Samples: what arrives in a batch, under which id, and what is set aside."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

SampleId = NewType("SampleId", str)
"""64 lower-case hexadecimal digits: SHA-256 of the sample's content, which its kind defines.

An image is its file's bytes, a text its characters in Unicode's normal form C.
"""

BatchId = NewType("BatchId", str)

_ROW = re.compile(r"#(id|row)=[^#]*$")

UNREADABLE = "unreadable"
"""The reason of a file that could not be opened, the only one tried again; each kind has its own others."""

TOO_LARGE = "bomb"
"""Quarantine reason of content that is, or unpacks to, more than the limit."""


class Arrived(StrEnum):
    """What became of a sample on arrival; lanes follow for those that are `SAMPLE`.

    `OPENED` is no arrival: it notes that a file which could not be opened before was opened at last.
    """

    SAMPLE = "sample"
    DUPLICATE = "duplicate"
    QUARANTINE = "quarantine"
    OPENED = "opened"


def sample_id_of(content: bytes) -> SampleId:
    """Return SHA-256 over `content`, in lower-case hexadecimal."""
    return SampleId(hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class FileRef:
    """Where a sample comes from; `stamp` changes when its content is replaced.

    `uri` is a path or fsspec URI; a row of a file has its id, or else its number, behind a hash sign:
    `posts.csv#id=17`, `posts.csv#row=3`.
    """

    uri: str
    size: int
    stamp: str


def file_of(uri: str) -> str:
    """Return the uri of the file that holds the sample at `uri`, which may be a row of it."""
    return _ROW.sub("", uri)


@dataclass(frozen=True, slots=True)
class ArrivedSample:
    """Source of a sample, the fingerprint of near-duplicates, whom or what it belongs to, and its stake."""

    sample_id: SampleId
    uri: str
    batch: BatchId
    fingerprint: str | None
    entity: str | None = None
    stake: float | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a reader makes of one good sample.

    `payload` is what the scorer takes (an image: uint8, height x width x 3; a text: str); the core passes it
    on unread. `fingerprint` is a 64-bit hash as 16 hexadecimal digits, equal or nearly equal for
    near-duplicates, or None where the kind has no such hash. `entity` is whom or what the sample belongs to,
    such as an author or a thread, or None where that is not known. `stake` is what an error about the sample
    puts at stake, such as an amount of money, None where nothing of the kind is known.
    """

    payload: Any
    fingerprint: str | None = None
    metadata: dict[str, str | int | float] = field(default_factory=dict)
    entity: str | None = None
    stake: float | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A sample that was read: either decoded, or set aside with a reason, a value of its kind's `Reason`."""

    file: FileRef
    sample_id: SampleId
    decoded: Decoded | None = None
    reason: str | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if (self.decoded is None) == (self.reason is None):
            raise ValueError(
                f"{self.file.uri}: an arrival is either decoded or has a reason, never both or neither"
            )
