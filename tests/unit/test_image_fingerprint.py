"""Fingerprints of images: near-duplicates differ in few bits, other images in many."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from goldloop.core.samples import sample_id_of
from goldloop.gold.near_duplicates import Groups
from goldloop.modalities.image.reader import ImageReader
from tests.images import encoded, noise


def distance(first: str, second: str) -> int:
    """Return the Hamming distance of two fingerprints, in bits."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def fingerprint(reader: ImageReader, content: bytes) -> str:
    """Return the fingerprint of the picture in `content`."""
    print_ = reader.decode(content).fingerprint
    assert print_ is not None
    return print_


def test_fingerprints_survive_encoding_and_scaling(reader: ImageReader) -> None:
    """The same picture in another format, quality or size is nearly always within 3 bits, no other is."""
    pictures = [noise(seed, (320, 240)) for seed in range(30)]
    prints = [fingerprint(reader, encoded(picture, "PNG")) for picture in pictures]
    moved = []
    for picture, print_ in zip(pictures, prints, strict=True):
        for other in (
            encoded(picture, "JPEG", quality=60),
            encoded(picture, "WEBP", quality=60),
            encoded(picture.resize((160, 120)), "PNG"),
            encoded(picture.resize((640, 480)), "JPEG"),
        ):
            moved.append(distance(fingerprint(reader, other), print_))
    apart = [distance(a, b) for row, a in enumerate(prints) for b in prints[:row]]

    assert np.mean(np.array(moved) <= 3) > 0.95
    assert max(moved) <= 5
    assert min(apart) >= 7
    assert all(len(print_) == 16 for print_ in prints)


def test_fingerprints_tell_small_digits_apart(reader: ImageReader) -> None:
    """Of scikit-learn's 1,797 digits of 8 x 8 pixels, under 1 % come within 3 bits of a different one."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    images = (load_digits().images * 255 / 16).astype(np.uint8)
    prints = np.array(
        [int(fingerprint(reader, encoded(Image.fromarray(image), "PNG")), 16) for image in images],
        dtype=np.uint64,
    )
    near = sum(int((np.bitwise_count(prints ^ one) <= 3).sum() > 1) for one in prints)

    assert near / len(prints) < 0.01


def flat(number: int, form: str = "PNG", size: tuple[int, int] = (50, 30)) -> bytes:
    """Return a picture of one colour, another for every number."""
    colour = tuple(int(part) for part in np.random.default_rng(number).integers(0, 256, 3))
    return encoded(Image.new("RGB", size, colour), form)


def two_tones(number: int) -> bytes:
    """Return a picture of two colours, the darker one above."""
    picture = Image.new("RGB", (50, 30), (255 - number, 250, 200 + number))
    picture.paste((number, 2 * number, 60 - number), (0, 0, 50, 15))
    return encoded(picture, "PNG")


def ramp(number: int) -> bytes:
    """Return a picture that gets lighter to the right, from another colour for every number."""
    rise = np.linspace(0, 100, 50)[None, :, None] + np.array([number, 2 * number, 120 - number])
    return encoded(Image.fromarray(np.broadcast_to(rise, (30, 50, 3)).astype(np.uint8)), "PNG")


def vignette(number: int) -> bytes:
    """Return a swatch that gets a little darker to its edges, in another colour for every number."""
    y, x = np.mgrid[-1:1:30j, -1:1:50j]
    shade = 1 - 0.1 * np.sqrt(x * x + y * y)[..., None]
    colour = np.random.default_rng(number).integers(0, 256, 3)
    return encoded(Image.fromarray((shade * colour).astype(np.uint8)), "PNG")


def watermarked(number: int) -> bytes:
    """Return a swatch with a faint name on it, in another colour for every number."""
    picture = Image.open(io.BytesIO(flat(number, size=(200, 120))))
    ImageDraw.Draw(picture).text((20, 90), "ACME Ltd", fill=(128, 128, 128))
    return encoded(picture, "PNG")


@pytest.mark.parametrize("make", [flat, two_tones, ramp, vignette, watermarked])
def test_pictures_without_structure_are_no_near_duplicates(
    reader: ImageReader, make: Callable[[int], bytes]
) -> None:
    """Swatches of 60 colours are 60 groups: the signs of a few frequencies say nothing about them."""
    groups = Groups()
    joined = [
        groups.join(sample_id_of(content), fingerprint(reader, content))
        for content in (make(number) for number in range(60))
    ]

    assert len(set(joined)) == 60


def test_equal_pixels_are_near_duplicates_also_without_structure(reader: ImageReader) -> None:
    """The same colour in another file, format or size is the same picture."""
    (prints,) = {
        fingerprint(reader, content)
        for content in (flat(1), flat(1, "BMP"), flat(1, "TIFF"), flat(1, size=(10, 10)))
    }

    assert prints != fingerprint(reader, flat(2))


def test_stored_fingerprints_without_any_bit_make_no_group() -> None:
    """Workspaces from before hold them for every picture of one colour."""
    groups = Groups([("leader", "0" * 16)])

    assert groups.join(sample_id_of(b"a"), "0" * 16) != groups.join(sample_id_of(b"b"), "0" * 16)
    assert groups.join(sample_id_of(b"c"), "0" * 16) != "leader"
