"""Turns a decoded picture of any kind into the upright 8-bit RGB picture that a person would see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

UINT8_MAX = 255
UINT16_MAX = 65535
_ORIENTATION = 0x0112


def as_rgb(image: Image.Image) -> Image.Image:
    """Return the loaded `image` upright, 8 bits a channel, transparency on white, in mode RGB.

    16-bit grey is scaled from its full range, never clipped. 32-bit integers and floats have no range of
    their own: values within 0..1 (floats), 0..255 or 0..65535 are taken at that scale, others stretched from
    their minimum to their maximum.
    """
    image = _upright(image)
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_as_8_bit(np.asarray(image), is_16_bit=image.mode.startswith("I;16"))).convert(
            "RGB"
        )
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        return converted if converted is not None else image
    if image.has_transparency_data:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def is_turned(image: Image.Image) -> bool:
    """Return whether the EXIF data of `image` asks for a turn or a flip; damaged data asks for nothing."""
    try:
        return bool(image.getexif().get(_ORIENTATION, 1) != 1)
    except Exception:  # see _upright
        return False


def _upright(image: Image.Image) -> Image.Image:
    """Return `image` turned as its EXIF orientation says; damaged EXIF data says nothing."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # whatever a broken EXIF block makes Pillow's parser raise, the pixels are good
        return image


def _on_white(image: Image.Image) -> Image.Image:
    layered = image.convert("RGBA")
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")


def _as_8_bit(values: npt.NDArray[np.generic], *, is_16_bit: bool) -> npt.NDArray[np.uint8]:
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if is_16_bit:
        low, high = 0.0, UINT16_MAX
    elif low >= 0 and high <= 1 and values.dtype.kind == "f":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= UINT8_MAX:
        low, high = 0.0, UINT8_MAX
    elif low >= 0 and high <= UINT16_MAX:
        low, high = 0.0, UINT16_MAX
    scaled = (numbers - low) * (UINT8_MAX / ((high - low) or 1))
    return np.asarray(np.clip(np.rint(scaled), 0, UINT8_MAX), dtype=np.uint8)
