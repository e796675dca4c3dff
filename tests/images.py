"""Image files for tests: good ones by the thousand, and one of every way in which a file can be broken."""

from __future__ import annotations

import io
import os
import socket
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from goldloop.modalities.image.decode import Reason

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return `image` as the bytes of a file of format `form`."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def noise(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """Return a picture of random coloured blobs, different for every seed."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


def grey_picture(values: Any) -> Image.Image:
    """Return a picture whose every pixel has this grey value, in the mode of its type."""
    return Image.fromarray(np.full((40, 40), values))


def see_through(mode: str, colour: tuple[int, ...]) -> Image.Image:
    """Return a picture of one colour with alpha."""
    return Image.new(mode, (40, 40), colour)


def animation(form: str, **options: Any) -> bytes:
    """Return a file of two frames, red then green."""
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, GREEN)]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)


def write_good(folder: Path, n: int, seed: int = 0, *, size: int = 32) -> list[Path]:
    """Write `n` different small JPEG and PNG pictures into `folder`; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for row in range(n):
        form, suffix = ("PNG", "png") if row % 5 == 0 else ("JPEG", "jpg")
        path = folder / f"good_{row:06}.{suffix}"
        path.write_bytes(encoded(noise(seed * 1_000_003 + row, (size, size)), form))
        paths.append(path)
    return paths


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _huge_png(side: int) -> bytes:
    """Return a PNG whose header promises `side` x `side` pixels, in a few bytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + _chunk(b"IEND", b"")
    )


def _text_bomb_png() -> bytes:
    """Return a small PNG with a text chunk that unpacks to 40 MB."""
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "x" * 40_000_000, zip=True)
    return encoded(noise(1), "PNG", pnginfo=info)


def _zip_bytes() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("picture.jpg", encoded(noise(2), "JPEG"))
    return buffer.getvalue()


def _damaged(content: bytes, start: int, n: int) -> bytes:
    """Return `content` with `n` bytes from `start` on overwritten with a pattern."""
    return content[:start] + bytes((37 * i + 11) % 251 for i in range(n)) + content[start + n :]


def broken_contents() -> dict[str, tuple[bytes, Reason]]:
    """Return file name -> (bytes, expected quarantine reason) of broken files that any folder can hold."""
    picture = noise(7, (160, 120))
    jpeg, png = encoded(picture, "JPEG"), encoded(picture, "PNG")
    progressive = encoded(picture, "JPEG", progressive=True)
    webp, gif = encoded(picture, "WEBP"), encoded(picture, "GIF")
    tiff, bmp = encoded(picture, "TIFF"), encoded(picture, "BMP")
    avif, jpeg2000 = encoded(picture, "AVIF"), encoded(picture, "JPEG2000")
    bomb_gif = bytearray(encoded(Image.new("L", (8, 8)), "GIF"))
    bomb_gif[6:10] = struct.pack("<HH", 65535, 65535)
    bomb_bmp = bytearray(bmp)
    bomb_bmp[18:26] = struct.pack("<ii", 60000, 60000)
    noise_bytes = np.random.default_rng(3).bytes(4000)
    cut, foreign, bad = Reason.TRUNCATED, Reason.NOT_AN_IMAGE, Reason.UNREADABLE
    return {
        "empty.jpg": (b"", Reason.EMPTY),
        "cut_half.jpg": (jpeg[: len(jpeg) // 2], cut),
        "cut_header.jpg": (jpeg[:20], cut),
        "cut_end.jpg": (jpeg[:-2], cut),
        "cut_zero_filled.jpg": (jpeg[: len(jpeg) // 2] + bytes(len(jpeg) // 2), cut),
        "cut_progressive.jpg": (progressive[: len(progressive) * 2 // 3], cut),
        "cut_half.png": (png[: len(png) // 2], cut),
        "cut_end.png": (png[:-12], cut),
        "cut_half.gif": (gif[: len(gif) // 2], cut),
        "cut_half.webp": (webp[: len(webp) // 2], cut),
        "cut_half.tif": (tiff[: len(tiff) // 2], cut),
        "cut_half.bmp": (bmp[: len(bmp) // 2], cut),
        "cut_half.avif": (avif[: len(avif) // 2], cut),
        "cut_half.jp2": (jpeg2000[: len(jpeg2000) // 2], cut),
        "text.jpg": ("Grüße aus dem Text\n".encode(), foreign),
        "table.csv": (b"file,label\na.jpg,cat\n", foreign),
        "page.html": (b"<!doctype html><html><body>404</body></html>", foreign),
        "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', foreign),
        "paper.pdf": (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", foreign),
        "archive.zip": (_zip_bytes(), foreign),
        "random.png": (noise_bytes, foreign),
        "zeros.jpg": (bytes(5000), foreign),
        "movie.mp4": (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + noise_bytes, foreign),
        "script.ps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", foreign),
        "huge.png": (_huge_png(30_000), Reason.BOMB),
        "larger_than_pillow_admits.png": (_huge_png(60_000), Reason.BOMB),
        "huge.gif": (bytes(bomb_gif), Reason.BOMB),
        "huge.bmp": (bytes(bomb_bmp), Reason.BOMB),
        "text_bomb.png": (_text_bomb_png(), Reason.BOMB),
        "damaged.png": (_damaged(png, 60, 400), bad),
        "damaged_header.png": (_damaged(png, 12, 8), bad),
        "damaged_header.jpg": (_damaged(jpeg, jpeg.index(b"\xff\xc0") + 4, 12), bad),
        "damaged.webp": (_damaged(webp, 12, 30), bad),
        "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + noise_bytes, bad),
        "layers.psd": (b"8BPS\0\1" + bytes(400), bad),
    }


def write_broken(folder: Path) -> dict[str, Reason]:
    """Write one file of every broken kind into `folder`; return path -> expected quarantine reason.

    More than 35 kinds, among them a pipe nobody writes to, a socket and links to nothing and to the outside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for name, (content, reason) in broken_contents().items():
        (folder / name).write_bytes(content)
        expected[str(folder / name)] = reason
    os.mkfifo(folder / "pipe.jpg")
    listener = socket.socket(socket.AF_UNIX)
    place = Path.cwd()
    try:
        os.chdir(folder)  # the address of a socket holds about 100 characters
        listener.bind("socket.jpg")
    finally:
        os.chdir(place)
        listener.close()
    (folder / "link_to_nothing.jpg").symlink_to(folder / "gone.jpg")
    (folder / "link_outside.jpg").symlink_to("/etc/passwd")
    for name in ("pipe.jpg", "socket.jpg", "link_to_nothing.jpg", "link_outside.jpg"):
        expected[str(folder / name)] = Reason.UNREADABLE
    return expected
