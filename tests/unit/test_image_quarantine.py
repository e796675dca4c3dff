"""Broken image files: each is set aside with its reason, and none raises an error."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldloop.core.samples import Arrival, FileRef
from goldloop.modalities import content
from goldloop.modalities.files import files_of
from goldloop.modalities.image import decode
from goldloop.modalities.image.decode import Reason
from goldloop.modalities.image.reader import ImageReader
from tests.images import broken_contents, encoded, noise, write_broken


def read_one(reader: ImageReader, path: Path) -> Arrival:
    """Return the one arrival of the file at `path`."""
    (file,) = files_of(str(path))
    return reader.read(file)


def test_every_kind_of_broken_file_gets_its_reason(reader: ImageReader, tmp_path: Path) -> None:
    """More than 35 ways of being broken end in quarantine with the right reason; nothing raises or warns."""
    expected = write_broken(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        arrivals = {file.uri: reader.read(file) for file in files_of(str(tmp_path))}

    assert {uri: arrival.reason for uri, arrival in arrivals.items()} == expected
    assert all(arrival.detail for arrival in arrivals.values())
    assert len({arrival.sample_id for arrival in arrivals.values()}) == len(expected) >= 35
    assert caught == []


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM"])
def test_a_file_cut_anywhere_is_never_taken_for_good(reader: ImageReader, tmp_path: Path, form: str) -> None:
    """Wherever the cut, the file is set aside (or, within the last bytes, has all its pixels)."""
    whole = encoded(noise(3, (60, 50)), form)
    path = tmp_path / "cut"
    path.write_bytes(whole)
    good = read_one(reader, path).decoded
    assert good is not None
    for keep in {1, 3, 9, 13, 25, *np.linspace(30, len(whole) - 1, 40).astype(int)}:
        path.write_bytes(whole[:keep])
        arrival = read_one(reader, path)
        if arrival.decoded is not None:
            assert keep > 0.9 * len(whole)
            np.testing.assert_array_equal(arrival.decoded.payload, good.payload)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM"])
def test_random_damage_never_raises(reader: ImageReader, tmp_path: Path, form: str) -> None:
    """Bytes flipped anywhere give a sample or a quarantine reason, never an exception or a warning."""
    whole = bytearray(encoded(noise(4, (40, 30)), form))
    rng = np.random.default_rng(0)
    for round_ in range(60):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), 1 + round_ % 5):
            damaged[position] = int(rng.integers(0, 256))
        path = tmp_path / f"{round_}.bin"
        path.write_bytes(damaged)
        arrival = read_one(reader, path)
        assert (arrival.decoded is None) == (arrival.reason in set(Reason))


def test_a_bomb_is_refused_before_it_is_decoded(
    reader: ImageReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture over the pixel limit costs no more memory than its file."""
    path = tmp_path / "large.png"
    path.write_bytes(encoded(Image.new("RGB", (3000, 3000)), "PNG"))
    monkeypatch.setattr(decode, "MAX_PIXELS", 1_000_000)
    tracemalloc.start()
    arrival = read_one(reader, path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert arrival.reason is Reason.BOMB
    assert arrival.detail == "3000 x 3000 pixels, the limit is 1,000,000; shrink the picture"
    assert peak_bytes < 2_000_000


def test_a_file_over_the_byte_limit_is_not_read(
    reader: ImageReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file larger than the limit is a bomb, whatever it holds."""
    path = tmp_path / "big.jpg"
    path.write_bytes(b"x" * 2000)
    monkeypatch.setattr(content, "MAX_BYTES", 1000)

    arrival = read_one(reader, path)

    assert (arrival.reason, arrival.detail) == (
        Reason.BOMB,
        "2,000 bytes, the limit for one file is 1,000; shrink the picture",
    )


def test_a_file_that_vanishes_after_listing_is_unreadable(reader: ImageReader, tmp_path: Path) -> None:
    """A file deleted between listing and reading is set aside under an id made from its address."""
    path = tmp_path / "a.png"
    path.write_bytes(encoded(noise(1), "PNG"))
    (file,) = files_of(str(tmp_path))
    path.unlink()
    arrival = reader.read(file)

    assert arrival.reason is Reason.UNREADABLE
    assert arrival.sample_id == hashlib.sha256(b"unreadable:" + str(path).encode()).hexdigest()


def test_a_file_without_permission_is_unreadable(
    reader: ImageReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal by the operating system is a reason, also where the tests run as root."""
    path = tmp_path / "a.png"
    path.write_bytes(b"secret")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    arrival = reader.read(FileRef(str(path), 6, "x"))

    assert (arrival.reason, arrival.detail) == (Reason.UNREADABLE, "no permission to read the file")


def test_devices_and_folders_are_unreadable(reader: ImageReader, tmp_path: Path) -> None:
    """A device that never ends and a folder named as a file are refused by kind."""
    for uri, text in [("/dev/zero", "a device"), (str(tmp_path), "a folder")]:
        arrival = reader.read(FileRef(uri, 0, ""))
        assert arrival.reason is Reason.UNREADABLE
        assert text in arrival.detail


def test_the_table_of_broken_files_stays_rich() -> None:
    """Other tests rely on at least 20 kinds of broken files and on every reason being among them."""
    contents = broken_contents()

    assert len(contents) >= 20
    assert {reason for _, reason in contents.values()} == set(Reason)
