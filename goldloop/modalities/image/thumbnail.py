"""Thumbnails for reports."""

from __future__ import annotations

import io
from pathlib import Path

from goldloop.modalities.image.decode import decode_picture

SIDE = 112  # pixels, of the longer side


def thumbnail(file: Path) -> bytes:
    """Return a PNG (small originals) or JPEG of the image in `file`, at most SIDE pixels on its longer side.

    Raises:
        UnreadableSampleError: the file holds no readable image.
    """
    picture = decode_picture(file.read_bytes(), max_pixels=200_000_000)
    rgb = picture.rgb
    is_small = max(rgb.size) <= SIDE
    if not is_small:
        rgb = rgb.copy()
        rgb.thumbnail((SIDE, SIDE))
    target = io.BytesIO()
    rgb.save(target, "PNG" if is_small else "JPEG", quality=80)
    return target.getvalue()
