"""What a file is by its first bytes, and whether its end is missing."""

from __future__ import annotations

import struct

_IMAGE_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
_UNSUPPORTED = {
    b"8BPS": "Photoshop",
    b"\x00\x00\x01\x00": "Windows icon",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"qoif": "QOI",
    b"SIMPLE  =": "FITS",
}
_FOREIGN = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive or office document",
    b"\x1f\x8b": "a gzip archive",
    b"\x1aE\xdf\xa3": "a video",
}
_PNG_END = b"IEND\xae\x42\x60\x82"  # the last chunk is empty, so its check sum never changes
_TEXT_SAMPLE_BYTES = 512


def image_format(content: bytes) -> str | None:  # noqa: PLR0911  a table of signatures, one per line
    """Return the Pillow name of the image format that `content` begins like, or None."""
    if content.startswith(b"\xff\xd8\xff") or content == b"\xff\xd8":
        return "JPEG"
    if content.startswith(b"\x89PNG"):
        return "PNG"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if content.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if content.startswith(b"BM") and len(content) > 14 and content[6:10] == b"\0\0\0\0":
        return "BMP"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp" and content[8:12] in _IMAGE_BRANDS:
        return "AVIF"
    if content.startswith((b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")):
        return "JPEG2000"
    if len(content) > 2 and content[:1] == b"P" and content[1:2] in b"123456" and content[2:3].isspace():
        return "PPM"
    return None


def unsupported_image(content: bytes) -> str | None:
    """Return the name of an image format that is recognised but not decoded, or None."""
    for magic, name in _UNSUPPORTED.items():
        if content.startswith(magic):
            return name
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        return "HEIC"
    return None


def description(content: bytes) -> str:
    """Return what `content`, which is no image, looks like, for example 'a PDF document' or 'text'."""
    for magic, name in _FOREIGN.items():
        if content.startswith(magic):
            return name
    if content[4:8] == b"ftyp":
        return "a video"
    head = content[:_TEXT_SAMPLE_BYTES]
    is_whole = len(head) == len(content)
    try:
        text = head.decode("utf-8", errors="strict" if is_whole else "ignore").strip().lower()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return f"unknown data that begins with {content[:8]!r}"
    if "<svg" in text:
        return "an SVG drawing; export it as PNG"
    return "an HTML page" if "<html" in text or text.startswith("<!doctype html") else "text"


def is_cut(content: bytes) -> bool:
    """Return whether the end that the format of `content` promises is missing."""
    check = {
        "JPEG": _jpeg_is_cut,
        "PNG": lambda data: data.rfind(_PNG_END) < 0,
        "WEBP": lambda data: len(data) < 12 or _number("<I", data, 4) + 8 > len(data),
        "BMP": lambda data: _number("<I", data, 2) > len(data),
        "GIF": lambda data: not data.rstrip(b"\0").endswith(b";"),
        "TIFF": _tiff_is_cut,
        "AVIF": _boxes_are_cut,
        "JPEG2000": _jpeg2000_is_cut,
    }.get(image_format(content) or "")
    return check is not None and check(content)


def _number(form: str, content: bytes, offset: int) -> int:
    """Return the integer at `offset`; past the end it is larger than any file."""
    if offset + struct.calcsize(form) > len(content):
        return 1 << 62
    return int(struct.unpack_from(form, content, offset)[0])


def _jpeg_is_cut(content: bytes) -> bool:
    offset = 2
    while offset + 4 <= len(content):
        if content[offset] != 0xFF:
            return False  # damaged rather than cut
        marker = content[offset + 1]
        if marker == 0xFF:
            offset += 1
        elif marker == 0xD9:
            return False
        elif marker == 0xDA:  # pixels follow; zero-filled tails of broken downloads have no end marker either
            return content.find(b"\xff\xd9", offset) < 0
        else:
            offset += 2 + _number(">H", content, offset + 2)
    return True


def _tiff_is_cut(content: bytes) -> bool:
    order = "<" if content.startswith(b"II") else ">"
    if content[2:4] not in (b"*\0", b"\0*"):
        return len(content) < 16
    first = _number(order + "I", content, 4)
    return first + 2 > len(content) or first + 2 + 12 * _number(order + "H", content, first) > len(content)


def _boxes_are_cut(content: bytes) -> bool:
    offset = 0
    while offset + 8 <= len(content):
        size = _number(">I", content, offset)
        if size == 0:  # reaches to the end of the file, wherever that is
            return False
        size = _number(">Q", content, offset + 8) if size == 1 else size
        if size < 8:
            return False
        offset += size
    return offset != len(content)


def _jpeg2000_is_cut(content: bytes) -> bool:
    is_boxed = not content.startswith(b"\xff\x4f")
    return (is_boxed and _boxes_are_cut(content)) or not content.rstrip(b"\0").endswith(b"\xff\xd9")
