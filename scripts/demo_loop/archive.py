"""The pictures in an archive from the network, of which nothing is believed."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from goldloop.core.errors import SourceError
from scripts.demo_loop.picture_set import PictureSet

MAX_PICTURE_BYTES = 1 << 20  # the largest of the clothing photographs has 86,289
DAMAGES = (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError)
"""What `archived` raises where the archive ends too early or is none."""

_HEADER_BYTES = 4096  # of one file in a tar archive, at most as GitHub writes it


def archived(blocks: Iterator[bytes], pictures: PictureSet, url: str) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each picture in a .tar.gz of the repository, as its blocks arrive.

    Other files are passed over, and nothing is written. Memory and what is unpacked are bounded.

    Raises:
        SourceError: the archive has what no archive of the set has; `url` is where it comes from.
        DAMAGES: it breaks off, or is no archive.
    """
    at_most = pictures.n_bytes + (pictures.n_pictures + 100) * _HEADER_BYTES
    with (
        _Bounded(_Blocks(blocks), at_most, url) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        for member in archive:
            name = _picture_name(member, pictures, url)
            content = archive.extractfile(member) if name else None
            if content is not None:
                yield name, content.read()


def _picture_name(member: tarfile.TarInfo, pictures: PictureSet, url: str) -> str:
    """Return the path of the picture in its repository; nothing for another file, or a folder."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise SourceError(f"{url} has an entry that leads out of its folder: {member.name!r}")
    if not (member.isreg() or member.isdir()):
        raise SourceError(f"{url} has an entry that is neither a file nor a folder: {member.name!r}")
    name = member.name.partition("/")[2]  # GitHub puts everything into one folder
    if member.isdir() or not pictures.is_picture(name):
        return ""
    if member.size > MAX_PICTURE_BYTES:
        raise SourceError(
            f"{url} has a picture of {member.size:,} bytes, more than {MAX_PICTURE_BYTES:,}: {member.name!r}"
        )
    return name


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = block
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n


class _Bounded(gzip.GzipFile):
    """What a gzip file contains, up to a bound: a few bytes may unpack to more than any memory holds."""

    def __init__(self, file: io.RawIOBase, at_most: int, url: str) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._left = at_most
        self._refusal = f"{url} unpacks to more than {at_most:,} bytes"

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        self._left -= len(block)
        if self._left < 0:
            raise SourceError(self._refusal)
        return block
