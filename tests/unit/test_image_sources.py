"""Sources of images: folders, globs, lists of files and fsspec addresses, listed in a fixed order."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from goldloop.core.errors import SourceError, WorkspaceError
from goldloop.modalities.content import uri_of
from goldloop.modalities.files import files_of
from goldloop.modalities.image.decode import Reason
from goldloop.modalities.image.reader import ImageReader
from goldloop.scoring.score import batch_of
from goldloop.settings.workspace import Workspace
from tests.images import encoded, noise, write_good


def names(reader: ImageReader, source: str) -> list[str]:
    """Return the file names of `source` in listing order."""
    return [file.uri.rsplit("/", 1)[-1] for file in files_of(source)]


def test_a_folder_is_listed_recursively_in_order_without_hidden_files(
    reader: ImageReader, tmp_path: Path
) -> None:
    """Names come in byte order, folders in their place, hidden files and folders are left out."""
    for name in ("b.png", "a/2.png", "a/10.png", ".hidden.png", ".git/x.png", "c/d/e.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    uris = [file.uri for file in files_of(str(tmp_path))]

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

    found = {Path(file.uri).name: reader.read(file).reason for file in files_of(str(root))}

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
    assert [reader.read(file).reason for file in files_of(str(listing))] == [
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
    files = list(files_of("memory://pool-of-tests"))
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
    (before,) = files_of(str(tmp_path))
    (again,) = files_of(str(tmp_path))
    path.write_bytes(b"other")
    os.utime(path, ns=(1, 1))
    (after,) = files_of(str(tmp_path))

    assert before == again
    assert before.stamp != after.stamp


def test_a_name_that_is_no_unicode_is_read(reader: ImageReader, tmp_path: Path) -> None:
    """Bytes in a file name that no encoding explains become a percent-encoded address that is valid text."""
    folder = os.fsencode(tmp_path)
    with open(folder + b"/caf\xe9.png", "wb") as file:  # noqa: PTH123  pathlib takes no bytes
        file.write(encoded(noise(1), "PNG"))
    (listed,) = files_of(str(tmp_path))

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
        files_of(where)


def test_a_folder_of_links_as_hub_caches_make_it_says_what_to_do(reader: ImageReader, tmp_path: Path) -> None:
    """Each link names its target and the step that reads it; that step reads every file."""
    (blobs := tmp_path / "blobs").mkdir()
    (snapshot := tmp_path / "snapshots" / "0a1b").mkdir(parents=True)
    for number in range(3):
        (blobs / f"{number:064x}").write_bytes(encoded(noise(number), "PNG"))
        (snapshot / f"{number}.png").symlink_to(f"../../blobs/{number:064x}")
    (snapshot / "more").symlink_to(blobs)

    arrivals = [reader.read(file) for file in files_of(str(snapshot))]
    links = [str(path) for path in sorted(snapshot.iterdir()) if not path.is_dir()]
    (tmp_path / "links.txt").write_text("\n".join(links))

    assert [arrival.reason for arrival in arrivals] == [Reason.UNREADABLE] * 4
    assert f"a symbolic link to {blobs}/{0:064x}, outside the folder" in arrivals[0].detail
    assert "find FOLDER -type l > links.txt" in arrivals[0].detail
    assert arrivals[3].detail.endswith(f"; run `goldloop score {blobs}`")
    assert [reader.read(file).reason for file in files_of(str(tmp_path / "links.txt"))] == [None] * 3


def test_a_folder_whose_name_is_no_unicode_is_a_source(reader: ImageReader, tmp_path: Path) -> None:
    """Named by its bytes or by its address, it is read, and its batch has a name."""
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(folder)  # noqa: PTH102
    write_good(Path(folder), 2)
    address = uri_of(folder)

    for source in (folder, address, f"{folder}/*.png"):
        arrivals = [reader.read(file) for file in files_of(source)]
        assert all(arrival.reason is None for arrival in arrivals)
        assert arrivals[0].file.uri == f"{address}/good_000000.png"
    assert batch_of(folder) == batch_of(folder)
    assert batch_of(address).startswith("caf-E9-")


def test_a_workspace_in_a_folder_whose_name_is_no_unicode_is_refused(tmp_path: Path) -> None:
    """The tables and the servers could not name it; nothing is written."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))

    with pytest.raises(WorkspaceError, match=r"not valid UTF-8: b'.*/caf\\xe9'; rename the folder"):
        Workspace.create(folder, labels=["cat", "dog"])
    with pytest.raises(WorkspaceError, match="not valid UTF-8"):
        Workspace.open(folder)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["my [x]", "a^b", "a|b", "a\\b"])
def test_a_path_that_the_tables_cannot_name_is_refused(tmp_path: Path, name: str) -> None:
    """Before, deltalake ended the process at the first table; nothing is written."""
    with pytest.raises(
        WorkspaceError, match=r"which Delta Lake tables cannot have in their address: .*; rename"
    ):
        Workspace.create(tmp_path / name, labels=["cat", "dog"])

    assert not list(tmp_path.iterdir())
