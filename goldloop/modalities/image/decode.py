"""Decoding: turns the bytes of a file into a picture, or decides why the file goes into quarantine."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, UnidentifiedImageError

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import UNREADABLE
from goldloop.modalities.content import TOO_LARGE
from goldloop.modalities.image.pixels import as_rgb
from goldloop.modalities.image.signatures import description, image_format, is_cut, unsupported_image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Formats tried. Pillow knows more, among them some that start other programs (EPS) or fit any bytes."""

PILLOW_MAX_PIXELS = 178_956_970
"""Pillow refuses larger pictures itself: twice its Image.MAX_IMAGE_PIXELS."""


class Reason(StrEnum):
    """Why a file is no usable image."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    NOT_AN_IMAGE = "not an image"
    BOMB = TOO_LARGE
    UNREADABLE = UNREADABLE


@dataclass(frozen=True, slots=True)
class Picture:
    """An upright RGB picture, its `size` (width, height) in the file, and the image as opened.

    `rgb` may be smaller than `size` where a reduced decode was asked for.
    """

    rgb: Image.Image
    size: tuple[int, int]
    source: Image.Image

    @property
    def format(self) -> str:
        """Name of the format; a multi-picture JPEG counts as JPEG."""
        return "JPEG" if self.source.format == "MPO" else str(self.source.format)


def quiet_pillow() -> None:
    """Silence Pillow's own warnings (odd EXIF, sizes it finds large): goldloop decides and reports those.

    The filter is process-wide and added only where it is missing, because `warnings.catch_warnings` is not
    safe with two reading threads.
    """
    if not any(
        entry[0] == "ignore" and getattr(entry[3], "pattern", "") == r"PIL\." for entry in warnings.filters
    ):
        warnings.filterwarnings("ignore", module=r"PIL\.")


def decode_picture(content: bytes, *, max_pixels: int, shortest_side: int | None = None) -> Picture:
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
        image = _opened(content, max_pixels)
        whole = image.size
        if image_format(content) in ("JPEG", "PNG") and is_cut(content):  # Pillow fills in what is missing
            raise UnreadableSampleError(
                Reason.TRUNCATED, f"the {image.format} has no end marker; fetch the file again"
            )
        if shortest_side is not None and image.format in ("JPEG", "MPO"):
            image.draft(None, _draft_size(whole, shortest_side))
        image.load()
        rgb = as_rgb(image)
        if image.size != whole and image.format in ("JPEG", "MPO"):
            return Picture(rgb, whole if rgb.size == image.size else whole[::-1], image)
        return Picture(rgb, rgb.size, image)
    except UnreadableSampleError:
        raise
    except Exception as error:  # Pillow's plugins raise nearly everything on damaged data
        raise _explained(content, error) from error


def plain_format(content: bytes, *, longest_side: int) -> str | None:
    """Return JPEG or PNG if the header alone says that any browser shows `content` as the model sees it.

    That is one opaque picture in 8-bit grey or RGB, no side over `longest_side` pixels, upright or a JPEG,
    which browsers turn themselves. Nothing is decoded; None says nothing about what does not qualify.
    """
    quiet_pillow()
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            is_plain = image.mode in ("L", "RGB") and not image.has_transparency_data
            is_plain = is_plain and max(image.size) <= longest_side
            is_png = image.format == "PNG"
            if is_png and (getattr(image, "is_animated", False) or b"eXIf" in content):
                return None
            return str(image.format) if is_plain and image.format in ("JPEG", "PNG") else None
    except Exception:
        return None


def _opened(content: bytes, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise _explained(content, error) from error
    except Image.DecompressionBombError as error:
        raise _too_large(f"more than {PILLOW_MAX_PIXELS:,}", max_pixels) from error
    width, height = image.size
    if width * height > max_pixels:
        raise _too_large(f"{width} x {height}", max_pixels)
    return image


def _too_large(seen: str, max_pixels: int) -> UnreadableSampleError:
    return UnreadableSampleError(
        Reason.BOMB, f"{seen} pixels, the limit is {max_pixels:,}; shrink the picture"
    )


def _draft_size(size: tuple[int, int], shortest_side: int) -> tuple[int, int]:
    """Return the size to ask the JPEG decoder for; it gives the smallest of its scales that is no smaller."""
    scale = shortest_side / min(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _explained(content: bytes, error: Exception) -> UnreadableSampleError:
    """Return `error` as a quarantine reason with a detail a person can act on."""
    text = " ".join(str(error).split()) or type(error).__name__
    if (
        isinstance(error, Image.DecompressionBombError)
        or "data too large" in text
        or "Too much memory" in text
    ):
        return UnreadableSampleError(Reason.BOMB, f"it unpacks to far more than its own size: {text}")
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
    if isinstance(error, MemoryError):
        text = "not enough memory to decode it"
    return UnreadableSampleError(Reason.UNREADABLE, f"the {form} does not decode: {text}")
