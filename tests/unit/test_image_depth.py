"""Depth: what is in a picture of more than 8 bits is seen by annotators and model alike."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from goldloop.core.samples import sample_id_of
from goldloop.modalities.image import depth
from goldloop.modalities.image.decode import decode_picture
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore
from tests.images import encoded

SIDE = 40
RAMP = np.tile(np.linspace(0, 1, SIDE), (SIDE, 1))
"""A scene from black to white."""


def png16(values: npt.NDArray[np.generic]) -> bytes:
    """Return a PNG of 16 bits a channel, shape (rows, columns, channels), which Pillow cannot write."""
    rows, columns, n_channels = values.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", columns, rows, 16, {2: 4, 3: 2, 4: 6}[n_channels], 0, 0, 0)
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b""))
    )


def tiff16(values: npt.NDArray[np.generic], order: str = "<", *, is_planar: bool = False) -> bytes:
    """Return an uncompressed TIFF of 16 bits a channel, shape (rows, columns, 3 or 4), RGB or CMYK."""
    rows, columns, n_channels = values.shape
    planes = np.moveaxis(values, -1, 0) if is_planar else values[None]
    data = np.ascontiguousarray(planes).astype(f"{order}u2").tobytes()
    n, size = len(planes), len(data) // len(planes)
    entries = [
        (256, 3, [columns]), (257, 3, [rows]), (258, 3, [16] * n_channels), (259, 3, [1]),
        (262, 3, [{3: 2, 4: 5}[n_channels]]), (273, 4, [0] * n), (277, 3, [n_channels]), (278, 3, [rows]),
        (279, 4, [size] * n), (284, 3, [2 if is_planar else 1]),
    ]  # fmt: skip
    behind = 8 + 2 + 12 * len(entries) + 4
    start = behind + sum(len(part) * (2 if kind == 3 else 4) for _, kind, part in entries if len(part) > 1)
    packed = further = b""
    for tag, kind, part in entries:
        numbers = [start + number * size for number in range(n)] if tag == 273 else part
        words = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        place = struct.pack(f"{order}I", behind + len(further))
        packed += struct.pack(f"{order}HHI", tag, kind, len(numbers))
        packed += words.ljust(4, b"\0") if len(numbers) == 1 else place
        further += words if len(numbers) > 1 else b""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(entries))
    return head + packed + bytes(4) + further + data


def grey(scale: float, kind: type[np.generic]) -> npt.NDArray[np.generic]:
    """Return the scene in values up to `scale`."""
    return (RAMP * scale).astype(kind)


def colour(scale: float, n_channels: int = 3) -> npt.NDArray[np.uint16]:
    """Return the scene in colour: red rises, green falls, blue stays in the middle, alpha is opaque."""
    planes = [RAMP, 1 - RAMP, np.full_like(RAMP, 0.5)]
    planes = [np.rint(plane * scale) for plane in planes] + [np.full_like(RAMP, 65535)] * (n_channels - 3)
    return np.stack(planes, axis=-1).astype(np.uint16)


def pixels(content: bytes) -> npt.NDArray[np.int_]:
    """Return what is seen of a file, as integers (rows, columns, 3)."""
    return np.asarray(decode_picture(content).rgb).astype(int)


GREY = {
    "8 bits in a TIFF of 16": lambda: encoded(Image.fromarray(grey(255, np.uint16)), "TIFF"),
    "10 bits in a TIFF of 16": lambda: encoded(Image.fromarray(grey(1023, np.uint16)), "TIFF"),
    "12 bits in a TIFF of 16": lambda: encoded(Image.fromarray(grey(4095, np.uint16)), "TIFF"),
    "14 bits in a TIFF of 16": lambda: encoded(Image.fromarray(grey(16383, np.uint16)), "TIFF"),
    "16 bits in a TIFF of 16": lambda: encoded(Image.fromarray(grey(65535, np.uint16)), "TIFF"),
    "12 bits, compressed": lambda: encoded(
        Image.fromarray(grey(4095, np.uint16)), "TIFF", compression="tiff_lzw"
    ),
    "12 bits in a PNG of 16": lambda: encoded(Image.fromarray(grey(4095, np.uint16)), "PNG"),
    "12 bits in a TIFF of 32": lambda: encoded(Image.fromarray(grey(4095, np.int32)), "TIFF"),
    "12 bits as floats": lambda: encoded(Image.fromarray(grey(4095, np.float32)), "TIFF"),
    "floats up to 1": lambda: encoded(Image.fromarray(grey(1, np.float32)), "TIFF"),
    "floats up to a millionth": lambda: encoded(Image.fromarray(grey(1e-6, np.float32)), "TIFF"),
    "floats up to 4": lambda: encoded(Image.fromarray(grey(4, np.float32)), "TIFF"),
    "floats up to 255": lambda: encoded(Image.fromarray(grey(255, np.float32)), "TIFF"),
    "floats around 0": lambda: encoded(Image.fromarray(grey(2, np.float32) - np.float32(1)), "TIFF"),
    "integers beyond 16 bits": lambda: encoded(Image.fromarray(grey(2**20, np.int32)), "TIFF"),
}


@pytest.mark.parametrize("kind", GREY)
def test_a_grey_scene_looks_the_same_at_every_depth(kind: str) -> None:
    """From black on the left to white on the right, whatever the file calls white."""
    seen = pixels(GREY[kind]())[0, :, 0]

    np.testing.assert_allclose(seen, np.linspace(0, 255, SIDE), atol=2)


@pytest.mark.parametrize("n_bits", [2, 4])
def test_a_few_bits_in_a_file_of_16_are_not_black(n_bits: int) -> None:
    """The largest value is white."""
    white = 2**n_bits - 1
    seen = pixels(encoded(Image.fromarray(grey(white, np.uint16)), "TIFF"))

    assert np.unique(seen).tolist() == [round(255 * value / white) for value in range(white + 1)]


COLOUR = {
    "PNG, 12 bits": lambda: png16(colour(4095)),
    "PNG with alpha, 12 bits": lambda: png16(colour(4095, 4)),
    "PNG, 10 bits": lambda: png16(colour(1023)),
    "PNG, 16 bits": lambda: png16(colour(65535)),
    "TIFF, 12 bits": lambda: tiff16(colour(4095)),
    "big-endian TIFF, 12 bits": lambda: tiff16(colour(4095), ">"),
    "TIFF in planes, 12 bits": lambda: tiff16(colour(4095), is_planar=True),
    "TIFF in planes, 16 bits": lambda: tiff16(colour(65535), is_planar=True),
    "big-endian TIFF in planes, 12 bits": lambda: tiff16(colour(4095), ">", is_planar=True),
}


@pytest.mark.parametrize("kind", COLOUR)
def test_a_scene_in_colour_looks_the_same_at_every_depth(kind: str) -> None:
    """All channels share one scale, so that colours stay what they are."""
    seen = pixels(COLOUR[kind]())[0]

    np.testing.assert_allclose(seen[:, 0], np.linspace(0, 255, SIDE), atol=2)
    np.testing.assert_allclose(seen[:, 1], np.linspace(255, 0, SIDE), atol=2)
    np.testing.assert_allclose(seen[:, 2], 128, atol=2)


def test_grey_with_alpha_and_inks_of_12_bits_are_seen() -> None:
    """The other modes of 16 bits a channel follow the same rule."""
    ramp = np.rint(RAMP * 4095)
    opaque = np.full_like(ramp, 65535)
    greys = pixels(png16(np.stack([ramp, opaque], axis=-1)))[0]
    inks = pixels(tiff16(np.stack([ramp, ramp, ramp, ramp * 0], axis=-1)))[0]

    np.testing.assert_allclose(greys, np.repeat(np.linspace(0, 255, SIDE)[:, None], 3, axis=1), atol=2)
    np.testing.assert_allclose(inks, np.repeat(np.linspace(255, 0, SIDE)[:, None], 3, axis=1), atol=2)


@pytest.mark.parametrize("level", [1, 40, 128, 255])
def test_8_bits_spread_over_16_stay_as_dark_as_they_were(level: int) -> None:
    """Most programs write 8 bits times 257 into a file of 16; a dark picture of that kind is dark."""
    values = np.full((SIDE, SIDE), level * 257, dtype=np.uint16)

    for content in (encoded(Image.fromarray(values), "TIFF"), png16(np.stack([values] * 3, axis=-1))):
        assert (pixels(content) == level).all()


@pytest.mark.parametrize("hot", [65535, 50_000])
def test_a_hot_pixel_does_not_blacken_the_others(hot: int) -> None:
    """A defect of the sensor is white; the scene of 12 bits beside it is seen."""
    values = np.tile(grey(4095, np.uint16), (1, 1))
    values[3, 0] = hot
    in_colour = colour(4095)
    in_colour[3, 0] = hot

    for content in (encoded(Image.fromarray(values), "TIFF"), png16(in_colour)):
        np.testing.assert_allclose(pixels(content)[0, :, 0], np.linspace(0, 255, SIDE), atol=2)


def test_a_fill_value_does_not_blacken_the_others() -> None:
    """Programs for maps write 1e38 where nothing was measured."""
    values = grey(300, np.float32)
    values[3, 0] = 1e38

    seen = pixels(encoded(Image.fromarray(values), "TIFF"))[0, :, 0]

    np.testing.assert_allclose(seen, np.linspace(0, 255, SIDE), atol=3)


@pytest.mark.parametrize("n_pixels", [100, 7])
def test_a_picture_in_strips_is_the_picture_in_one(n_pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of strips, the scale is that of the whole picture."""
    values = np.random.default_rng(0).integers(0, 3000, (57, 31), dtype=np.uint16)
    content = encoded(Image.fromarray(values), "TIFF")
    whole = pixels(content)
    monkeypatch.setattr(depth, "STRIP_PIXELS", n_pixels)

    np.testing.assert_array_equal(pixels(content), whole)


def test_annotators_and_model_see_the_same(tmp_path: Path, reader: ImageReader) -> None:
    """The copy for browsers shows 12 bits as the model gets them, also of a PNG that browsers could open."""
    store = ImageStore(tmp_path / "images", reader)
    for content in (encoded(Image.fromarray(grey(4095, np.uint16)), "TIFF"), png16(colour(4095))):
        (file := tmp_path / "picture").write_bytes(content)
        path = store.keep(sample_id_of(content), str(file))
        shown = (store.root / path).read_bytes()

        with Image.open(io.BytesIO(shown)) as picture:
            assert np.asarray(picture.convert("RGB")).max() == 255
        np.testing.assert_array_equal(reader.decode(shown).payload, reader.decode(content).payload)
