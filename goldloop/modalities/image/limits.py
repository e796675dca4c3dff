"""Limits of one picture: scans, memory and processor time, so that no small file stops a batch."""

from __future__ import annotations

import io
import re
import struct
import time

from PIL import Image

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import TOO_LARGE

MAX_SCANS = 100
"""Scans of one JPEG. Programs write about 10; every further one goes through all pixels again."""

MAX_SCANNED_PIXELS = 2_000_000_000
"""Pixels of one JPEG times its scans: 20 scans of the largest picture."""

MAX_MEMORY = 2**30
"""Bytes that decoding one picture may take; two pictures are decoded at a time."""

MAX_CPU_S = 60.0
"""Processor time of decoding one picture; the largest photographs take 2 s."""

READ_BYTES = 2**14
"""Bytes that a decoder gets at a time; between two portions goldloop looks at the clock."""

_BYTES_A_PIXEL = {"JPEG2000": 20, "WEBP": 12, "AVIF": 12}
"""Measured peak of decoders that build the whole picture for themselves; others need 8, or less."""

_SCAN = b"\xff\xda"
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class WatchedBytes(io.BytesIO):
    """The content of a file, which a decoder gets as long as this thread has used less than `MAX_CPU_S`."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._until = time.thread_time() + MAX_CPU_S

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            UnreadableSampleError: the time is up.
        """
        if time.thread_time() > self._until:
            raise UnreadableSampleError(
                TOO_LARGE,
                f"decoding takes more than {MAX_CPU_S:.0f} s of processor time; save it again as JPEG or PNG",
            )
        return super().read(size)


def refuse_costly(image: Image.Image, content: bytes) -> None:
    """Refuse an opened picture whose header says that decoding it costs too much.

    Raises:
        UnreadableSampleError: with the limit that it exceeds.
    """
    n_pixels = image.width * image.height
    n_bytes = _BYTES_A_PIXEL.get(str(image.format), 8)
    if image.format in ("JPEG", "MPO"):
        n_scans = content.count(_SCAN)  # of a preview in the header, too
        if n_scans > MAX_SCANS or n_scans * n_pixels > MAX_SCANNED_PIXELS:
            _refuse_scans(n_pixels, _n_scans(content))
        if n_scans > 1:  # the decoder keeps the coefficients of all pixels until the last scan
            n_bytes = 4 + 2 * len(image.getbands())
    if n_pixels * n_bytes > MAX_MEMORY:
        raise UnreadableSampleError(
            TOO_LARGE,
            f"decoding takes about {n_pixels * n_bytes / 2**20:,.0f} MiB of memory, the limit is "
            f"{MAX_MEMORY / 2**20:,.0f} MiB; shrink the picture",
        )


def _refuse_scans(n_pixels: int, n_scans: int) -> None:
    if n_scans > MAX_SCANS or n_scans * n_pixels > MAX_SCANNED_PIXELS:
        raise UnreadableSampleError(
            TOO_LARGE,
            f"the JPEG goes through its {n_pixels:,} pixels in {n_scans:,} scans, the limits are {MAX_SCANS} "
            f"scans and {MAX_SCANNED_PIXELS:,} pixels in all scans; save it again as a plain JPEG",
        )


def _n_scans(content: bytes) -> int:
    """Return the number of scans of the first picture in a JPEG, without those of a preview in its header."""
    n_scans, offset = 0, 2
    while offset + 4 <= len(content) and content[offset] == 0xFF and content[offset + 1] != 0xD9:
        if content[offset + 1] == 0xFF:  # filling
            offset += 1
            continue
        is_scan = content[offset + 1] == _SCAN[1]
        n_scans += is_scan
        offset += 2 + int(struct.unpack_from(">H", content, offset + 2)[0])
        if is_scan:
            marker = _NEXT_MARKER.search(content, offset)
            offset = marker.start() if marker else len(content)
    return n_scans
