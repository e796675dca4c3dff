"""The image reader and the content store: what is read, how it looks, and why the rest is set aside."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image, ImageCms

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.samples import Arrival, FileRef, SampleId, sample_id_of
from goldloop.modalities.image import ImageReader, ImageStore, Reason
from tests.images import broken_contents, encoded, noise, write_broken, write_good

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


@pytest.fixture
def reader() -> ImageReader:
    """Return a reader with the tiny preset's input size."""
    return ImageReader(size=32)


def read_one(reader: ImageReader, path: Path) -> Arrival:
    """Return the one arrival of the file at `path`."""
    (file,) = reader.files(str(path))
    return reader.read(file)


def names(reader: ImageReader, source: str) -> list[str]:
    """Return the file names of `source` in listing order."""
    return [file.uri.rsplit("/", 1)[-1] for file in reader.files(source)]


# --- quarantine ---------------------------------------------------------------------------------------------


def test_every_kind_of_broken_file_gets_its_reason(reader: ImageReader, tmp_path: Path) -> None:
    """More than 35 ways of being broken end in quarantine with the right reason; nothing raises or warns."""
    expected = write_broken(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        arrivals = {file.uri: reader.read(file) for file in reader.files(str(tmp_path))}

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


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """A picture over the pixel limit costs no more memory than its file."""
    path = tmp_path / "large.png"
    path.write_bytes(encoded(Image.new("RGB", (3000, 3000)), "PNG"))
    small = ImageReader(size=32, max_pixels=1_000_000)
    tracemalloc.start()
    arrival = read_one(small, path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert arrival.reason is Reason.BOMB
    assert arrival.detail == "3000 x 3000 pixels, the limit is 1,000,000; shrink the picture"
    assert peak_bytes < 2_000_000


def test_a_file_over_the_byte_limit_is_not_read(tmp_path: Path) -> None:
    """A file larger than the limit is a bomb, whatever it holds."""
    path = tmp_path / "big.jpg"
    path.write_bytes(b"x" * 2000)

    arrival = read_one(ImageReader(size=32, max_bytes=1000), path)

    assert (arrival.reason, arrival.detail) == (
        Reason.BOMB,
        "2,000 bytes, the limit for one file is 1,000; shrink the picture",
    )


def test_a_limit_that_pillow_would_not_honour_is_refused() -> None:
    """The pixel limit cannot be set above the one Pillow enforces itself."""
    with pytest.raises(ValueError, match=r"max_pixels must lie in 1\.\.178956970, got 200000000"):
        ImageReader(size=32, max_pixels=200_000_000)


def test_a_file_that_vanishes_after_listing_is_unreadable(reader: ImageReader, tmp_path: Path) -> None:
    """A file deleted between listing and reading is set aside under an id made from its address."""
    path = tmp_path / "a.png"
    path.write_bytes(encoded(noise(1), "PNG"))
    (file,) = reader.files(str(tmp_path))
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


# --- pixels -------------------------------------------------------------------------------------------------


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


def _grey(values: Any) -> Image.Image:
    return Image.fromarray(np.full((40, 40), values))


def _half_seen(mode: str, colour: tuple[int, ...]) -> Image.Image:
    return Image.new(mode, (40, 40), colour)


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
    ("16-bit grey PNG", lambda: encoded(_grey(np.uint16(32896)), "PNG"), (128, 128, 128)),
    ("16-bit grey TIFF", lambda: encoded(_grey(np.uint16(65535)), "TIFF"), WHITE),
    ("dark 16-bit grey TIFF", lambda: encoded(_grey(np.uint16(257 * 40)), "TIFF"), (40, 40, 40)),
    (
        "big-endian 16-bit PGM",
        lambda: b"P5 40 40 65535\n" + np.full(1600, 32896, ">u2").tobytes(),
        (128, 128, 128),
    ),
    ("32-bit integers of 16-bit range", lambda: encoded(_grey(np.int32(32896)), "TIFF"), (128, 128, 128)),
    ("32-bit integers of 8-bit range", lambda: encoded(_grey(np.int32(200)), "TIFF"), (200, 200, 200)),
    ("floats of 0 to 1", lambda: encoded(_grey(np.float32(0.5)), "TIFF"), (128, 128, 128)),
    ("floats of 0 to 255", lambda: encoded(_grey(np.float32(99)), "TIFF"), (99, 99, 99)),
    ("constant floats out of range", lambda: encoded(_grey(np.float32(-7)), "TIFF"), (0, 0, 0)),
    ("RGBA PNG, transparent", lambda: encoded(_half_seen("RGBA", (9, 9, 9, 0)), "PNG"), WHITE),
    (
        "RGBA PNG, half seen red",
        lambda: encoded(_half_seen("RGBA", (255, 0, 0, 128)), "PNG"),
        (255, 127, 127),
    ),
    (
        "RGBA WebP, transparent",
        lambda: encoded(_half_seen("RGBA", (9, 9, 9, 0)), "WEBP", lossless=True),
        WHITE,
    ),
    ("grey with alpha", lambda: encoded(_half_seen("LA", (9, 0)), "PNG"), WHITE),
    (
        "RGB with one transparent colour",
        lambda: encoded(Image.new("RGB", (40, 40), RED), "PNG", transparency=RED),
        WHITE,
    ),
    ("lossless WebP", lambda: encoded(Image.new("RGB", (40, 40), RED), "WEBP", lossless=True), RED),
    ("JPEG 2000", lambda: encoded(Image.new("RGB", (40, 40), RED), "JPEG2000"), RED),
    ("animated GIF", lambda: _animation("GIF"), RED),
    ("animated WebP", lambda: _animation("WEBP", lossless=True), RED),
    ("animated PNG", lambda: _animation("PNG"), RED),
    ("TIFF of several pages", lambda: _animation("TIFF"), RED),
    ("1 pixel", lambda: encoded(Image.new("RGB", (1, 1), RED), "PNG"), RED),
]


def _animation(form: str, **options: Any) -> bytes:
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, GREEN)]
    return encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)


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
    ids = [reader.read(file).sample_id for file in reader.files(str(tmp_path))]

    assert ids == [hashlib.sha256(content).hexdigest()] * 2


def test_two_threads_read_what_one_reads(reader: ImageReader, tmp_path: Path) -> None:
    """Reading good and broken files from several threads gives the same arrivals as reading them in turn."""
    write_good(tmp_path, 40)
    write_broken(tmp_path)
    files = list(reader.files(str(tmp_path)))
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


# --- fingerprint --------------------------------------------------------------------------------------------


def distance(first: str, second: str) -> int:
    """Return the Hamming distance of two fingerprints, in bits."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def fingerprint(reader: ImageReader, content: bytes) -> str:
    """Return the fingerprint of the picture in `content`."""
    found = reader.decode(content).fingerprint
    assert found is not None
    return found


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


# --- listing ------------------------------------------------------------------------------------------------


def test_a_folder_is_listed_recursively_in_order_without_hidden_files(
    reader: ImageReader, tmp_path: Path
) -> None:
    """Names come in byte order, folders in their place, hidden files and folders are left out."""
    for name in ("b.png", "a/2.png", "a/10.png", ".hidden.png", ".git/x.png", "c/d/e.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    uris = [file.uri for file in reader.files(str(tmp_path))]

    assert uris == [str(tmp_path / name) for name in ("a/10.png", "a/2.png", "b.png", "c/d/e.png")]


def test_links_are_followed_inside_the_folder_only(reader: ImageReader, tmp_path: Path) -> None:
    """A link to a file inside is read, one leading out is set aside, no folder behind a link is walked."""
    (outside := tmp_path / "outside").mkdir()
    (root := tmp_path / "root").mkdir()
    write_good(outside, 1)
    write_good(root / "sub", 1, seed=1)
    (root / "inside.jpg").symlink_to(root / "sub" / "good_000000.png")
    (root / "out.jpg").symlink_to(outside / "good_000000.png")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "here").symlink_to(root / "sub")

    found = {Path(file.uri).name: reader.read(file).reason for file in reader.files(str(root))}

    assert found == {
        "folder": Reason.UNREADABLE,
        "inside.jpg": None,
        "loop": Reason.UNREADABLE,
        "out.jpg": Reason.UNREADABLE,
        "good_000000.png": None,
    }


def test_a_glob_a_list_and_a_single_file_are_sources(reader: ImageReader, tmp_path: Path) -> None:
    """A glob is sorted, a list keeps its own order relative to its folder, a file is itself."""
    write_good(tmp_path / "in", 6)
    listing = tmp_path / "list.txt"
    listing.write_text(
        "# chosen by hand\n\nin/good_000003.jpg\r\n  in/good_000001.jpg\n" + str(tmp_path / "in/gone.jpg")
    )

    assert names(reader, str(tmp_path / "in" / "*5.png")) == ["good_000005.png"]
    assert names(reader, str(tmp_path / "**" / "*.jpg")) == [f"good_{row:06}.jpg" for row in (1, 2, 3, 4)]
    assert names(reader, str(listing)) == ["good_000003.jpg", "good_000001.jpg", "gone.jpg"]
    assert names(reader, str(tmp_path / "in" / "good_000002.jpg")) == ["good_000002.jpg"]
    assert [reader.read(file).reason for file in reader.files(str(listing))] == [
        None,
        None,
        Reason.UNREADABLE,
    ]


def test_a_folder_whose_name_looks_like_a_glob_is_a_folder(reader: ImageReader, tmp_path: Path) -> None:
    """What exists literally is meant literally."""
    write_good(tmp_path / "set[1]", 2)

    assert len(names(reader, str(tmp_path / "set[1]"))) == 2


def test_memory_and_file_uris_are_sources(reader: ImageReader, tmp_path: Path) -> None:
    """An fsspec URI is listed, read and stamped like a folder; file:// names a local path."""
    store = fsspec.filesystem("memory")
    for name in ("b/2.png", "a.png", ".hidden"):
        store.pipe_file(f"/pool-of-tests/{name}", encoded(noise(len(name)), "PNG"))
    files = list(reader.files("memory://pool-of-tests"))
    assert [file.uri for file in files] == [
        "memory:///pool-of-tests/a.png",
        "memory:///pool-of-tests/b/2.png",
    ]
    assert all(reader.read(file).decoded and file.size and file.stamp for file in files)
    assert names(reader, "memory://pool-of-tests/b/*.png") == ["2.png"]
    assert names(reader, "memory://pool-of-tests/a.png") == ["a.png"]
    store.rm("/pool-of-tests/a.png")
    assert reader.read(files[0]).reason is Reason.UNREADABLE

    (tmp_path / "with space").mkdir()
    write_good(tmp_path / "with space", 1)
    assert names(reader, f"file://{tmp_path}/with%20space") == ["good_000000.png"]


def test_the_stamp_changes_when_a_file_is_replaced(reader: ImageReader, tmp_path: Path) -> None:
    """Equal size and another modification time make another stamp; an untouched file keeps its own."""
    path = tmp_path / "a.png"
    path.write_bytes(b"first")
    (before,) = reader.files(str(tmp_path))
    (again,) = reader.files(str(tmp_path))
    path.write_bytes(b"other")
    os.utime(path, ns=(1, 1))
    (after,) = reader.files(str(tmp_path))

    assert before == again
    assert before.stamp != after.stamp


def test_a_name_that_is_no_unicode_is_read(reader: ImageReader, tmp_path: Path) -> None:
    """Bytes in a file name that no encoding explains become a percent-encoded address that is valid text."""
    folder = os.fsencode(tmp_path)
    with open(folder + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123  pathlib takes no bytes
        file.write(encoded(noise(1), "PNG"))
    (listed,) = reader.files(str(tmp_path))

    assert listed.uri == f"file://{tmp_path}/caf%E9.png"
    assert reader.read(listed).reason is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", r"'.*nowhere' does not exist; name a folder"),
        ("empty", r"'.*empty' holds no files"),
        ("*.none", r"'.*\.none' holds no files"),
        ("comments.txt", r"'.*comments\.txt' holds no files"),
        ("binary.txt", r"binary\.txt is no list of files: it is not UTF-8 text"),
        ("memory://nowhere-at-all", r"memory://nowhere-at-all does not exist"),
        ("nope://bucket/x", r"'nope://bucket/x' cannot be listed: .*nope"),
        ("", r"no source given"),
    ],
)
def test_a_source_with_nothing_in_it_is_an_error_that_names_it(
    reader: ImageReader, tmp_path: Path, source: str, message: str
) -> None:
    """The error comes from the call itself and says what may be named instead."""
    (tmp_path / "empty" / "deeper").mkdir(parents=True)
    (tmp_path / "comments.txt").write_text("# nothing\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00a")
    where = source if "://" in source or not source else str(tmp_path / source)

    with pytest.raises(SourceError, match=message):
        reader.files(where)


# --- content store ------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, reader: ImageReader) -> ImageStore:
    """Return an empty store."""
    return ImageStore(tmp_path / "store", reader)


def kept(store: ImageStore, folder: Path, content: bytes) -> tuple[SampleId, str]:
    """Write `content` to a file, keep it, and return its id and the path for the browser."""
    path = folder / "incoming"
    path.write_bytes(content)
    return (sample := sample_id_of(content)), store.keep(sample, str(path))


def test_kept_originals_are_found_by_hash_and_real_format(store: ImageStore, tmp_path: Path) -> None:
    """The stored file has the very bytes, the real format as extension, and mode 0644 whatever the umask."""
    content = encoded(noise(1), "PNG")
    before = os.umask(0o077)
    try:
        sample, path = kept(store, tmp_path, content)
    finally:
        os.umask(before)

    assert path == f"{sample[:2]}/{sample}.png"
    assert (store.root / path).read_bytes() == content
    assert stat.S_IMODE((store.root / path).stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (lambda: encoded(noise(1), "JPEG"), None),
        (lambda: encoded(noise(1), "BMP"), None),
        (lambda: encoded(noise(1).convert("RGBA"), "PNG"), None),
        (lambda: encoded(noise(1), "TIFF"), "png"),
        (lambda: encoded(noise(1).convert("CMYK"), "JPEG"), "png"),
        (lambda: encoded(_grey(np.uint16(9000)), "PNG"), "png"),
        (lambda: encoded(_half_seen("RGBA", (255, 0, 0, 128)), "PNG"), "png"),
        (lambda: _animation("GIF"), "png"),
        (lambda: _animation("WEBP"), "png"),
        (lambda: encoded(noise(1, (3000, 1000)), "JPEG"), "jpg"),
        (lambda: encoded(noise(1, (3000, 1000)), "TIFF"), "jpg"),
    ],
    ids=[
        "JPEG",
        "BMP",
        "opaque RGBA",
        "TIFF",
        "CMYK",
        "16-bit",
        "see-through",
        "GIF",
        "WebP",
        "large JPEG",
        "large TIFF",
    ],
)
def test_what_a_browser_does_not_show_gets_a_display_copy(
    store: ImageStore, tmp_path: Path, content: Callable[[], bytes], suffix: str | None
) -> None:
    """The copy is an 8-bit RGB picture of at most 2048 pixels that looks like what the model is given."""
    sample, path = kept(store, tmp_path, content())
    with Image.open(store.root / path) as shown:
        assert max(shown.size) <= 2048
        mode = shown.mode

    if suffix is None:
        assert path.startswith(f"{sample[:2]}/{sample}.")
    else:
        assert path == f"display/{sample[:2]}/{sample}.{suffix}"
        assert mode == "RGB"
        again = store.reader.decode((store.root / path).read_bytes()).payload.astype(int)
        assert np.abs(again - store.load(sample).payload.astype(int)).mean() < 2


def test_keeping_twice_changes_nothing_and_needs_no_source(store: ImageStore, tmp_path: Path) -> None:
    """A second keep returns the same path, also when the source is gone, and leaves no stray files."""
    for content in (encoded(noise(1), "PNG"), encoded(noise(1), "TIFF")):
        sample, path = kept(store, tmp_path, content)
        files = sorted((file, file.stat().st_mtime_ns) for file in store.root.rglob("*") if file.is_file())
        assert store.keep(sample, str(tmp_path / "gone")) == path
        assert files == sorted(
            (file, file.stat().st_mtime_ns) for file in store.root.rglob("*") if file.is_file()
        )
    assert not list(store.root.rglob(".*"))


def test_a_source_that_changed_is_refused(store: ImageStore, tmp_path: Path) -> None:
    """Bytes that are not those of the sample never enter the store under its id."""
    sample = sample_id_of(encoded(noise(1), "PNG"))
    (tmp_path / "other.png").write_bytes(encoded(noise(2), "PNG"))

    with pytest.raises(
        UnreadableSampleError, match=r"other\.png has changed since it was scored .* score the batch again"
    ):
        store.keep(sample, str(tmp_path / "other.png"))
    with pytest.raises(UnreadableSampleError, match="not there"):
        store.keep(sample, str(tmp_path / "gone.png"))
    assert not store.root.exists()


def test_loading_gives_what_arrived(store: ImageStore, tmp_path: Path) -> None:
    """A kept sample decodes to the same payload, fingerprint and metadata as on arrival."""
    content = encoded(noise(1, (300, 200)).convert("CMYK"), "JPEG")
    sample, _ = kept(store, tmp_path, content)
    loaded, arrived = store.load(sample), store.reader.decode(content)

    np.testing.assert_array_equal(loaded.payload, arrived.payload)
    assert (loaded.fingerprint, loaded.metadata) == (arrived.fingerprint, arrived.metadata)


def test_an_altered_file_in_the_store_is_noticed_and_replaced(store: ImageStore, tmp_path: Path) -> None:
    """Loading refuses a file whose bytes changed or that became a link; keeping again restores it."""
    content = encoded(noise(1), "PNG")
    sample, path = kept(store, tmp_path, content)
    with pytest.raises(UnreadableSampleError, match="push it again to restore it"):
        store.load(SampleId("0" * 64))
    (store.root / path).write_bytes(content + b"!")
    with pytest.raises(UnreadableSampleError, match=f"no intact file of sample {sample}"):
        store.load(sample)
    (store.root / path).unlink()
    (store.root / path).symlink_to(tmp_path / "incoming")
    with pytest.raises(UnreadableSampleError, match=f"no intact file of sample {sample}"):
        store.load(sample)

    assert kept(store, tmp_path, content) == (sample, path)
    assert (store.root / path).read_bytes() == content
    assert not (store.root / path).is_symlink()


def test_the_table_of_broken_files_stays_rich() -> None:
    """Other tests rely on at least 20 kinds of broken files and on every reason being among them."""
    contents = broken_contents()

    assert len(contents) >= 20
    assert {reason for _, reason in contents.values()} == set(Reason)
