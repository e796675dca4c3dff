"""The survey: how large the pictures of a source are, and whether they have colour, from a random draw."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import FileRef
from goldloop.modalities.content import read_content, refuse_link
from goldloop.modalities.image.decode import decode_picture
from goldloop.modalities.image.reader import READERS

MOST_PICTURES = 200
"""Pictures in the draw; the share of 200 that are in colour is known to 7 points."""

_THUMBNAIL_PX = 32
_COLOURED_SPREAD = 16
"""Difference of two channels, of 255, from which a pixel is in colour; grey JPEG pictures stay below 8."""
_COLOURED_SHARE = 0.05
"""Share of such pixels from which a picture is in colour: a black shirt on white has them at its hanger."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of `n_pictures`: the medians of their sides in pixels, and whether most have colour."""

    n_pictures: int
    shorter_px: int
    longer_px: int
    is_colour: bool


def survey_of(files: Iterable[FileRef], *, seed: int) -> Survey | None:
    """Return the survey of a random draw from `files`; None where no picture of the draw can be read.

    All of `files` are listed, and at most twice MOST_PICTURES are read: those that are no pictures do not
    count, and others are drawn for them.
    """
    Image.init()  # registers the plugins now, so that two reading threads do not race for it
    drawn = heapq.nsmallest(2 * MOST_PICTURES, files, key=lambda file: _random(file, seed))
    with ThreadPoolExecutor(READERS, thread_name_prefix="survey") as pool:
        seen = [one for one in pool.map(_look, drawn[:MOST_PICTURES]) if one is not None]
        missing = drawn[MOST_PICTURES:][: 2 * (MOST_PICTURES - len(seen))]
        seen += [one for one in pool.map(_look, missing) if one is not None][: MOST_PICTURES - len(seen)]
    if not seen:
        return None
    shorter, longer, coloured = np.array(seen).T
    return Survey(len(seen), round(np.median(shorter)), round(np.median(longer)), bool(coloured.mean() > 0.5))


def _random(file: FileRef, seed: int) -> bytes:
    """Return the random number of a file, the same in every listing."""
    return hashlib.sha256(f"{seed}:survey:{file.uri}".encode("utf-8", "surrogatepass")).digest()


def _look(file: FileRef) -> tuple[int, int, bool] | None:
    """Return both sides of a picture, the shorter first, and whether it has colour; None if it is none."""
    try:
        refuse_link(file)
        picture = decode_picture(read_content(file.uri), shortest_side=_THUMBNAIL_PX)
    except UnreadableSampleError:
        return None
    return min(picture.size), max(picture.size), has_colour(picture.rgb)


def has_colour(rgb: Image.Image) -> bool:
    """Return whether a person would call an RGB picture coloured; many grey pictures are saved as RGB."""
    small = rgb.resize((_THUMBNAIL_PX, _THUMBNAIL_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    spread = np.ptp(np.asarray(small, dtype=np.int16), axis=2)
    return bool((spread > _COLOURED_SPREAD).mean() > _COLOURED_SHARE)
