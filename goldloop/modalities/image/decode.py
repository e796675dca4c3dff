"""Decoding: turns the bytes of a file into a picture, or decides why the file goes into quarantine."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import TOO_LARGE, UNREADABLE
from goldloop.modalities.image.depth import (
    grey_in_8_bits,
    has_16_bit_channels,
    lift_dark_channels,
    low_bytes_of,
    name_planes,
    strips,
)
from goldloop.modalities.image.limits import READ_BYTES, WatchedBytes, refuse_costly
from goldloop.modalities.image.signatures import description, image_format, is_cut, unsupported_image

EXTENSIONS = {
    "JPEG": "jpg",
    "PNG": "png",
    "GIF": "gif",
    "WEBP": "webp",
    "BMP": "bmp",
    "TIFF": "tif",
    "AVIF": "avif",
    "JPEG2000": "jp2",
    "PPM": "ppm",
}
"""Formats tried. Pillow knows more, among them some that start other programs (EPS) or fit any bytes."""

_ORIENTATION = 0x0112  # in EXIF; 1 is upright

MAX_PIXELS = 100_000_000
"""Limit of width x height, below Pillow's own; decoded, such a picture takes 400 MB."""


class Reason(StrEnum):
    """Why a file is no usable image."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    NOT_AN_IMAGE = "not an image"
    BOMB = TOO_LARGE
    UNREADABLE = UNREADABLE


@dataclass(frozen=True, slots=True)
class Picture:
    """An upright RGB picture, its `size` (width, height) in the file, and the format, JPEG also for MPO.

    `rgb` may be smaller than `size` where a reduced decode was asked for.
    """

    rgb: Image.Image
    size: tuple[int, int]
    format: str


def quiet_pillow() -> None:
    """Silence Pillow's own warnings (odd EXIF, sizes it finds large): goldloop decides and reports those.

    The filter is process-wide and added only where it is missing, because `warnings.catch_warnings` is not
    safe with two reading threads.
    """
    if not any(
        entry[0] == "ignore" and getattr(entry[3], "pattern", "") == r"PIL\." for entry in warnings.filters
    ):
        warnings.filterwarnings("ignore", module=r"PIL\.")


def decode_picture(content: bytes, *, shortest_side: int | None = None) -> Picture:
    """Return the first picture in `content`.

    With `shortest_side` a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as no side falls
    under that many pixels; the other formats are always decoded whole.

    Raises:
        UnreadableSampleError: with the quarantine reason; nothing else is ever raised.
    """
    if not content:
        raise UnreadableSampleError(Reason.EMPTY, "the file has 0 bytes")
    quiet_pillow()
    try:
        return _decoded(content, shortest_side)
    except UnreadableSampleError:
        raise
    except Exception as error:  # Pillow's plugins raise nearly everything on damaged data
        raise _explained(content, error) from error


def plain_format(content: bytes, *, longest_side: int) -> str | None:
    """Return JPEG or PNG if the header alone says that any browser shows `content` as the model sees it.

    That is one opaque picture in 8-bit grey or RGB, no side over `longest_side` pixels, upright or a JPEG,
    which browsers turn themselves.
    """
    quiet_pillow()
    with contextlib.suppress(Exception), Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
        is_png = image.format == "PNG"
        is_changed = is_png and (getattr(image, "is_animated", False) or b"eXIf" in content)
        is_opaque = image.mode in ("L", "RGB") and not image.has_transparency_data
        is_opaque = is_opaque and not has_16_bit_channels(image)
        if is_opaque and not is_changed and max(image.size) <= longest_side:
            return "PNG" if is_png else "JPEG"
    return None


def _decoded(content: bytes, shortest_side: int | None) -> Picture:
    image = Image.open(WatchedBytes(content), formats=tuple(EXTENSIONS))
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableSampleError(
            Reason.BOMB, f"{width} x {height} pixels, the limit is {MAX_PIXELS:,}; shrink the picture"
        )
    if image_format(content) in ("JPEG", "PNG") and is_cut(content):  # Pillow fills in what is missing
        raise UnreadableSampleError(
            Reason.TRUNCATED, f"the {image.format} has no end marker; fetch the file again"
        )
    refuse_costly(image, content)
    image.decodermaxblock = READ_BYTES
    is_jpeg = image.format in ("JPEG", "MPO")
    if is_jpeg and shortest_side is not None:
        scale = shortest_side / min(width, height)  # the decoder takes the smallest of its scales above it
        image.draft(None, (max(1, round(width * scale)), max(1, round(height * scale))))
    name_planes(image)
    is_deep = has_16_bit_channels(image)  # Pillow forgets it while it loads
    image.load()
    if is_deep:
        lift_dark_channels(image, lambda: low_bytes_of(content, tuple(EXTENSIONS)))
    rgb = as_rgb(image)
    size = (width, height) if rgb.size == image.size else (height, width)
    return Picture(rgb, size, "JPEG" if is_jpeg else str(image.format))


def as_rgb(image: Image.Image) -> Image.Image:
    """Return the loaded `image` as a person sees it: upright, 8 bits a channel, transparency on white, RGB.

    `goldloop.modalities.image.depth` brings more bits to 8.
    """
    with contextlib.suppress(Exception):  # a broken EXIF block asks for no turn; the pixels are good
        if image.getexif().get(_ORIENTATION, 1) != 1:
            image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return grey_in_8_bits(image).convert("RGB")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        return converted if converted is not None else image
    if image.has_transparency_data:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Return a picture with transparency on white; in strips, because a large one has no room for copies."""
    seen = Image.new("RGB", image.size)
    for box in strips(image.size):
        layered = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        seen.paste(Image.alpha_composite(white, layered).convert("RGB"), box)
    return seen


def _explained(content: bytes, error: Exception) -> UnreadableSampleError:
    """Return `error` as a quarantine reason with a detail a person can act on."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    is_text_bomb = "data too large" in text or "Too much memory" in text
    if is_text_bomb or isinstance(error, Image.DecompressionBombError):
        return UnreadableSampleError(
            Reason.BOMB,
            f"it unpacks to far more than its own size: {text}; shrink the picture to {MAX_PIXELS:,} pixels",
        )
    unsupported = unsupported_image(content)
    if unsupported:
        return UnreadableSampleError(
            Reason.UNREADABLE, f"{unsupported} images are not decoded; convert to PNG or JPEG"
        )
    form = image_format(content)
    if form is None:
        return UnreadableSampleError(Reason.NOT_AN_IMAGE, f"it is {description(content)}")
    if is_cut(content) or "truncated" in text.lower():
        return UnreadableSampleError(
            Reason.TRUNCATED, f"the {form} ends before its picture does; fetch the file again"
        )
    if isinstance(error, UnidentifiedImageError):
        text = "its header is damaged"
        if form == "TIFF":
            text += ", or it has pixels that are not read, such as floats in colour; save it as PNG"
    if isinstance(error, MemoryError):
        text = "not enough memory to decode it"
    return UnreadableSampleError(Reason.UNREADABLE, f"the {form} does not decode: {text}")
