"""Decoded images: the reader turns every format into the pixels and metadata that a person sees."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from goldloop.core.samples import Arrival
from goldloop.modalities.files import files_of
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.square import PADDING, squared
from tests.images import (
    RED,
    WHITE,
    animation,
    encoded,
    grey_picture,
    noise,
    see_through,
    write_broken,
    write_good,
)


def _palette_with_hole() -> Image.Image:
    picture = Image.new("P", (40, 40), 0)
    picture.putpalette([0, 0, 0, *RED])
    picture.paste(1, (20, 0, 40, 40))
    picture.info["transparency"] = 0
    return picture


def _lab_red() -> Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(Image.new("RGB", (40, 40), RED), srgb, lab, outputMode="LAB")
    assert converted is not None
    return converted


ONE_COLOUR: list[tuple[str, Callable[[], bytes], tuple[int, int, int]]] = [
    ("grey JPEG", lambda: encoded(Image.new("L", (40, 40), 100), "JPEG"), (100, 100, 100)),
    ("1-bit PNG", lambda: encoded(Image.new("1", (40, 40), 1), "PNG"), WHITE),
    ("palette GIF", lambda: encoded(Image.new("RGB", (40, 40), RED).quantize(4), "GIF"), RED),
    ("CMYK TIFF", lambda: encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "TIFF"), RED),
    (
        "CMYK JPEG as Adobe inverts it",
        lambda: encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "JPEG"),
        RED,
    ),
    ("YCbCr TIFF", lambda: encoded(Image.new("RGB", (40, 40), RED).convert("YCbCr"), "TIFF"), RED),
    ("LAB TIFF", lambda: encoded(_lab_red(), "TIFF"), RED),
    ("16-bit grey PNG", lambda: encoded(grey_picture(np.uint16(32896)), "PNG"), (128, 128, 128)),
    ("16-bit grey TIFF", lambda: encoded(grey_picture(np.uint16(65535)), "TIFF"), WHITE),
    ("dark 16-bit grey TIFF", lambda: encoded(grey_picture(np.uint16(257 * 40)), "TIFF"), (40, 40, 40)),
    (
        "big-endian 16-bit PGM",
        lambda: b"P5 40 40 65535\n" + np.full(1600, 32896, ">u2").tobytes(),
        (128, 128, 128),
    ),
    (
        "32-bit integers of 16-bit range",
        lambda: encoded(grey_picture(np.int32(32896)), "TIFF"),
        (128, 128, 128),
    ),
    ("32-bit integers of 8-bit range", lambda: encoded(grey_picture(np.int32(200)), "TIFF"), (200, 200, 200)),
    ("floats of 0 to 1", lambda: encoded(grey_picture(np.float32(0.5)), "TIFF"), (128, 128, 128)),
    ("floats of 0 to 255", lambda: encoded(grey_picture(np.float32(99)), "TIFF"), (99, 99, 99)),
    ("constant floats out of range", lambda: encoded(grey_picture(np.float32(-7)), "TIFF"), (0, 0, 0)),
    ("RGBA PNG, transparent", lambda: encoded(see_through("RGBA", (9, 9, 9, 0)), "PNG"), WHITE),
    (
        "RGBA PNG, half seen red",
        lambda: encoded(see_through("RGBA", (255, 0, 0, 128)), "PNG"),
        (255, 127, 127),
    ),
    (
        "RGBA WebP, transparent",
        lambda: encoded(see_through("RGBA", (9, 9, 9, 0)), "WEBP", lossless=True),
        WHITE,
    ),
    ("grey with alpha", lambda: encoded(see_through("LA", (9, 0)), "PNG"), WHITE),
    (
        "RGB with one transparent colour",
        lambda: encoded(Image.new("RGB", (40, 40), RED), "PNG", transparency=RED),
        WHITE,
    ),
    ("lossless WebP", lambda: encoded(Image.new("RGB", (40, 40), RED), "WEBP", lossless=True), RED),
    ("JPEG 2000", lambda: encoded(Image.new("RGB", (40, 40), RED), "JPEG2000"), RED),
    ("animated GIF", lambda: animation("GIF"), RED),
    ("animated WebP", lambda: animation("WEBP", lossless=True), RED),
    ("animated PNG", lambda: animation("PNG"), RED),
    ("TIFF of several pages", lambda: animation("TIFF"), RED),
    ("1 pixel", lambda: encoded(Image.new("RGB", (1, 1), RED), "PNG"), RED),
]


@pytest.mark.parametrize(
    ("content", "colour"), [case[1:] for case in ONE_COLOUR], ids=[case[0] for case in ONE_COLOUR]
)
def test_exotic_pictures_look_as_a_person_sees_them(
    reader: ImageReader, content: Callable[[], bytes], colour: tuple[int, int, int]
) -> None:
    """Each kind of file decodes to the colour it was made of: scaled, not clipped; on white; first frame."""
    payload = reader.decode(content()).payload

    assert payload.shape == (32, 32, 3)
    assert payload.dtype == np.uint8
    np.testing.assert_allclose(payload.reshape(-1, 3).astype(int), np.tile(colour, (1024, 1)), atol=5)


@pytest.mark.parametrize(
    ("size", "filled"), [((80, 40), (16, 32)), ((40, 80), (32, 16)), ((1, 2000), (32, 1))]
)
def test_proportions_are_kept(reader: ImageReader, size: tuple[int, int], filled: tuple[int, int]) -> None:
    """A picture that is not square lies in the middle between even strips; a line stays visible."""
    payload = reader.decode(encoded(Image.new("RGB", size, RED), "PNG")).payload
    is_picture = (payload == RED).all(axis=2)
    rows, columns = np.flatnonzero(is_picture.any(axis=1)), np.flatnonzero(is_picture.any(axis=0))

    assert (len(rows), len(columns)) == filled
    assert is_picture.sum() == filled[0] * filled[1]
    assert abs(rows[0] - (31 - rows[-1])) <= 1
    assert abs(columns[0] - (31 - columns[-1])) <= 1
    assert len(np.unique(payload[~is_picture], axis=0)) == 1


@pytest.mark.parametrize(
    ("size", "shown"),
    [((40, 40), (32, 32)), ((45, 60), (32, 32)), ((60, 180), (32, 16)), ((300, 10), (2, 32))],
)
def test_a_crop_fills_the_square_with_the_middle(size: tuple[int, int], shown: tuple[int, int]) -> None:
    """No more than a third of the longer side is cut off; what a long picture lacks is padded."""
    picture = Image.new("RGB", size, RED)
    edge = max(size) // 8  # of another colour at both ends of the longer side
    for start in (0, max(size) - edge):
        box = (start, 0, start + edge, size[1]) if size[0] > size[1] else (0, start, size[0], start + edge)
        picture.paste((0, 0, 255), box)
    payload = squared(picture, Form(32, "crop"))
    is_picture = (np.abs(payload.astype(int) - PADDING) > 20).any(axis=2)

    assert payload.shape == (32, 32, 3)
    assert (is_picture.any(axis=1).sum(), is_picture.any(axis=0).sum()) == shown
    assert (payload[..., 2] > 128).any() is np.bool_(size[0] == size[1])  # a square keeps its ends


@pytest.mark.parametrize("size", [(400, 533), (533, 401), (90, 61), (224, 300), (61, 90)])
def test_only_the_pixels_of_the_crop_are_scaled(size: tuple[int, int]) -> None:
    """The result is that of scaling the whole picture and cutting out its middle, but for rounding."""
    picture = noise(3, size)
    scale = 64 / min(size)
    whole = picture.resize(tuple(round(side * scale) for side in size), Image.Resampling.BILINEAR)
    left, top = ((side - 64 + 1) // 2 for side in whole.size)
    expected = np.asarray(whole.crop((left, top, left + 64, top + 64)), dtype=int)

    assert np.abs(squared(picture, Form(64, "crop")) - expected).max() <= 1


def test_a_palette_hole_is_white(reader: ImageReader) -> None:
    """A palette picture with a transparent entry shows white there and its colours elsewhere."""
    payload = reader.decode(encoded(_palette_with_hole(), "PNG", transparency=0)).payload

    assert tuple(payload[16, 4]) == WHITE
    assert tuple(payload[16, 28]) == RED


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright(reader: ImageReader, form: str, orientation: int) -> None:
    """All eight EXIF orientations decode to the same upright picture with the same upright size."""
    upright = Image.new("RGB", (64, 96), WHITE)
    upright.paste(RED, (0, 0, 32, 48))
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turn[orientation]) if orientation in turn else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = reader.decode(encoded(stored, form, exif=exif))

    assert (decoded.metadata["width"], decoded.metadata["height"]) == (64, 96)
    corners = [bool(decoded.payload[row, column, 1] > 128) for row in (4, 28) for column in (8, 24)]
    assert corners == [False, True, True, True]


def test_metadata_describes_the_file_and_not_the_reduced_decode(reader: ImageReader) -> None:
    """A large turned JPEG, decoded reduced for speed, still reports its full upright size and its format."""
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = reader.decode(encoded(noise(1, (1600, 1200)), "JPEG", exif=exif))

    assert decoded.metadata == {"width": 1200, "height": 1600, "format": "JPEG"}


def test_a_reduced_jpeg_decode_gives_nearly_the_same_pixels(reader: ImageReader) -> None:
    """Decoding a large JPEG reduced changes the payload by less than the noise of JPEG itself."""
    picture = noise(5, (1200, 900))
    quick = reader.decode(encoded(picture, "JPEG", quality=95)).payload.astype(int)
    whole = reader.decode(encoded(picture, "PNG")).payload.astype(int)

    assert np.abs(quick - whole).mean() < 1.5


def test_reading_gives_the_id_of_the_bytes(reader: ImageReader, tmp_path: Path) -> None:
    """The sample id is the SHA-256 of the file; equal bytes under two names are one sample."""
    content = encoded(noise(1), "PNG")
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(content)
    ids = [reader.read(file).sample_id for file in files_of(str(tmp_path))]

    assert ids == [hashlib.sha256(content).hexdigest()] * 2


def test_two_threads_read_what_one_reads(reader: ImageReader, tmp_path: Path) -> None:
    """Reading good and broken files from several threads gives the same arrivals as reading them in turn."""
    write_good(tmp_path, 40)
    write_broken(tmp_path)
    files = list(files_of(str(tmp_path)))
    alone = {file.uri: reader.read(file) for file in files}
    seen: dict[str, Arrival] = {}

    def work(part: int) -> None:
        seen.update({file.uri: reader.read(file) for file in files[part::4]})

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def outline(arrivals: dict[str, Arrival]) -> dict[str, object]:
        return {
            uri: (one.sample_id, one.reason, one.decoded and one.decoded.payload.tobytes())
            for uri, one in arrivals.items()
        }

    assert outline(seen) == outline(alone)
