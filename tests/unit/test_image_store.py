"""The image store: it keeps the original bytes and a copy for the browser, and notices altered files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore
from tests.images import animation, encoded, grey_picture, noise, see_through


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
        (lambda: encoded(noise(1).convert("L"), "PNG"), None),
        (lambda: encoded(noise(1), "BMP"), "png"),
        (lambda: encoded(noise(1).convert("RGBA"), "PNG"), "png"),
        (lambda: encoded(noise(1), "TIFF"), "png"),
        (lambda: encoded(noise(1).convert("CMYK"), "JPEG"), "png"),
        (lambda: encoded(grey_picture(np.uint16(9000)), "PNG"), "png"),
        (lambda: encoded(see_through("RGBA", (255, 0, 0, 128)), "PNG"), "png"),
        (lambda: animation("GIF"), "png"),
        (lambda: animation("WEBP"), "png"),
        (lambda: encoded(noise(1, (3000, 1000)), "JPEG"), "jpg"),
        (lambda: encoded(noise(1, (3000, 1000)), "TIFF"), "jpg"),
    ],
    ids=[
        "JPEG",
        "grey PNG",
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
    with pytest.raises(UnreadableSampleError, match="no intact file of sample"):
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
