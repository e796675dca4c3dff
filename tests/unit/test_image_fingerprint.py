"""Fingerprints of images: near-duplicates differ in few bits, other images in many."""

from __future__ import annotations

import numpy as np
from PIL import Image

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


def test_flat_pictures_share_one_fingerprint(reader: ImageReader) -> None:
    """Pictures of one colour have no structure, whatever the colour: rounding noise sets no bit."""
    flat = {
        fingerprint(reader, encoded(Image.new("RGB", (50, 30), (grey,) * 3), "JPEG")) for grey in (0, 77, 255)
    }

    assert flat == {"0" * 16}
