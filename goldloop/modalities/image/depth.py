"""Depth: pictures with more than 8 bits a channel, brought to 8 bits so that what is in them can be seen.

One rule holds for all of them, see docs/decisions/0024-files.md: black is 0, and white is the smallest usual
full scale that holds the largest value, because a file of 16 bits often holds a camera's 10, 12 or 14.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

SCALES = (3, 15, 255, 1023, 4095, 16383, 65535)
"""Full scales of 2, 4, 8, 10, 12, 14 and 16 bits."""

FRACTIONS = (1, 4, 16, 64)
"""Further full scales, for floats that are not whole numbers."""

SPREAD = 257
"""All values are multiples of this where a program spread 8 bits over 16; such a picture stays as dark."""

EXTREME = 16
"""Where 99.9 % of the values use less than 1/16 of the scale, the others are taken for hot pixels."""

STRIP_PIXELS = 2**19  # pixels a step, so that a large picture needs no second copy in memory
_SAMPLE_PIXELS = 2**20

Strip = npt.NDArray[np.float32]
Levels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]


@dataclass(slots=True)
class _Values:
    """What is known of the values of a picture, strip by strip."""

    step: int
    low: float = np.inf
    high: float = -np.inf
    is_whole: bool = True
    is_spread: bool = True
    sample: list[Strip] = field(default_factory=list)

    def add(self, values: Strip) -> None:
        """Take in one strip."""
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.is_whole = self.is_whole and bool((values == np.rint(values)).all())
        self.is_spread = self.is_spread and bool((values % SPREAD == 0).all())
        self.sample.append(values.ravel()[:: self.step].copy())  # a view would keep the whole strip

    def limits(self) -> tuple[float, float]:
        """Return the values that are shown black and white."""
        least, most = np.percentile(np.concatenate(self.sample), (0.1, 99.9)).tolist()
        if self.low < 0 or self.high > SCALES[-1]:
            is_far = 0 < most - least < (self.high - self.low) / EXTREME
            return (least, most) if is_far else (self.low, self.high)
        if self.is_spread and self.is_whole:
            return 0, SCALES[-1]
        scales = SCALES if self.is_whole and self.high > 1 else (*FRACTIONS, *SCALES)
        white = next(scale for scale in scales if scale >= self.high)
        if most < white / EXTREME:
            white = next(scale for scale in scales if scale >= most)
        if not self.is_whole and most < white / EXTREME:  # far below every usual full scale
            return 0, most or self.high
        return 0, white


def grey_in_8_bits(image: Image.Image) -> Image.Image:
    """Return a loaded picture of one channel of 16 or 32 bits, integers or floats, in mode L."""
    seen = _measured(image.size, lambda box: _finite(np.asarray(image.crop(box))))
    grey = Image.new("L", image.size)
    for box in strips(image.size):
        grey.paste(Image.fromarray(seen(box)), box)
    return grey


def lift_dark_channels(image: Image.Image, low_bytes: Callable[[], Image.Image]) -> None:
    """Brighten, in place, a loaded picture of 16 bits a channel, of which Pillow keeps the high bytes.

    `low_bytes` returns the same picture made of its low bytes. A picture that uses its high bytes stays as
    it is, without a look at the low ones.
    """
    n_colours = 4 if image.mode == "CMYK" else 3  # alpha has a scale of its own
    counts = np.array(image.histogram()).reshape(-1, 256)[:n_colours].sum(axis=0)
    highest = int(np.flatnonzero(counts)[-1])
    most = int(np.searchsorted(counts.cumsum(), 0.999 * counts.sum()))
    if highest >= 64 and most >= EXTREME:
        return
    low = low_bytes()

    def values(box: Box) -> Strip:
        high_byte, low_byte = (np.asarray(part.crop(box))[..., :n_colours] for part in (image, low))
        return np.asarray(high_byte * np.float32(256) + low_byte, dtype=np.float32)

    seen = _measured(image.size, values)
    for box in strips(image.size):
        strip = Image.fromarray(seen(box), "CMYK" if n_colours == 4 else "RGB")
        if image.mode == "RGBA":
            strip.putalpha(image.crop(box).getchannel("A"))
        image.paste(strip, box)


def low_bytes_of(content: bytes, formats: tuple[str, ...]) -> Image.Image:
    """Return the first picture in `content`, which `has_16_bit_channels`, made of its low bytes."""
    image = Image.open(io.BytesIO(content), formats=formats)
    name_planes(image)
    is_grey = _rawmode(image.tile[0].args) == _GREY_ALPHA
    _with_rawmodes(image, _LOW)
    image.load()
    if is_grey:
        grey = image.getchannel(1)
        return Image.merge("RGB", (grey, grey, grey))
    return image


def name_planes(image: ImageFile.ImageFile) -> None:
    """Tell Pillow that the planes of an opened TIFF, one for each channel, have 16 bits; it reads 8."""
    tags: Any = getattr(image, "tag_v2", {})
    if tags.get(_PLANAR) == 2 and set(tags.get(_BITS, ())) == {16}:
        order = "L" if tags.prefix == b"II" else "B"
        _with_rawmodes(image, {band: f"{band};16{order}" for band in image.getbands()})


def has_16_bit_channels(image: Image.Image) -> bool:
    """Return whether an opened picture, not loaded yet, has several channels of 16 bits each."""
    tiles = getattr(image, "tile", [])
    return bool(tiles) and all(_rawmode(tile.args) in _LOW for tile in tiles)


_PLANAR, _BITS = 284, 258  # tags of a TIFF: whether each channel is a plane of its own, and the bits of each
_GREY_ALPHA = "LA;16B"
# Pillow unpacks the high byte of each channel. Told that the bytes are in the other order, it unpacks the low
# one; N is the order of this machine.
_ORDERS = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_LOW = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBX", "RGBA", "CMYK", *"RGBA")
    for order, other in _ORDERS.items()
} | {_GREY_ALPHA: "RGBA"}


def _with_rawmodes(image: ImageFile.ImageFile, others: Mapping[str, str]) -> None:
    """Let an opened picture unpack its bytes by other raw modes."""
    tiles = [(tile, others.get(_rawmode(tile.args), _rawmode(tile.args))) for tile in image.tile]
    image.tile = [
        tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
        for tile, raw in tiles
    ]


def _rawmode(args: object) -> str:
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _measured(size: tuple[int, int], values: Callable[[Box], Strip]) -> Callable[[Box], Levels]:
    """Return a function from a box to what is seen there, at the scale of the whole picture."""
    found = _Values(step=max(1, size[0] * size[1] // _SAMPLE_PIXELS))
    for box in strips(size):
        found.add(values(box))
    black, white = found.limits()
    factor = 255 / ((white - black) or 1)
    return lambda box: np.clip(np.rint((values(box) - black) * factor), 0, 255).astype(np.uint8)


def strips(size: tuple[int, int]) -> Iterator[Box]:
    """Yield the boxes of the strips of a picture, from above."""
    width, height = size
    columns = min(width, STRIP_PIXELS)
    rows = max(1, STRIP_PIXELS // columns)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(width, left + columns), min(height, top + rows)


def _finite(values: npt.NDArray[np.generic]) -> Strip:
    return np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
