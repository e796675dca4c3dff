"""The photographs of the demo arrive whole or not at all, and a broken download goes on."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldloop.core.errors import SourceError
from scripts.demo_loop import archive as archive_module
from scripts.demo_loop.clothing import fetched
from scripts.demo_loop.git_tree import blob_id, tree_id
from scripts.demo_loop.github import GitHub, UnavailableError
from tests.unit.picture_server import (
    ARCHIVE,
    COATS,
    COMMIT,
    FILES,
    LIST,
    REPOSITORY,
    Server,
    archive,
    listing,
)
from tests.unit.picture_server import picture_server as running

FIRST = next(iter(FILES))
LAST = list(FILES)[-1]


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a server that has everything."""
    with running() as found:
        yield found


@pytest.fixture
def said() -> list[str]:
    """Return what was said."""
    return []


def fetch(server: Server, cache: Path, said: list[str]) -> dict[str, bytes]:
    """Fetch the set; return the content of each picture."""
    paths = fetched(COATS, github=server.github, cache=cache, say=said.append)
    return {path.relative_to(folder(cache)).as_posix(): path.read_bytes() for path in paths}


def folder(cache: Path) -> Path:
    """Return where the set is kept."""
    return cache / "datasets" / f"coats-{COMMIT[:12]}"


def kept(cache: Path) -> set[str]:
    """Return every file below the cache."""
    return {path.relative_to(folder(cache)).as_posix() for path in cache.rglob("*") if path.is_file()}


def test_ids_are_those_of_git() -> None:
    """The ids are those that `git write-tree` gives, also where a folder sorts after a file of its name."""
    content = {"top": b"z\n", "train/a.txt": b"hi\n", "train/a/x": b"a\n", "train/t-shirt/y": b"b\n"}
    ids = {path: blob_id(data) for path, data in content.items()}

    assert ids["top"] == "b68025345d5301abad4d9ec9166f455243a0d746"
    assert tree_id(ids) == "a956922048209be2424365865df9c9fde6bf2358"


def test_one_request_fetches_all(server: Server, tmp_path: Path, said: list[str]) -> None:
    """The archive brings every picture and nothing else; the place where they go is said."""
    assert fetch(server, tmp_path, said) == FILES
    assert kept(tmp_path) == set(FILES)
    assert server.asked == [ARCHIVE]
    assert said == [f"fetching 16 pictures (1 MB) of https://github.com/{REPOSITORY} into {folder(tmp_path)}"]


def test_the_second_run_asks_nobody(server: Server, tmp_path: Path, said: list[str]) -> None:
    """What is there and right is used without a request."""
    fetch(server, tmp_path, said)
    server.asked.clear()
    said.clear()

    assert fetch(server, tmp_path, said) == FILES
    assert server.asked == said == []


def test_what_a_break_leaves_out_is_fetched_one_by_one(
    server: Server, tmp_path: Path, said: list[str]
) -> None:
    """After a break past the half, only missing pictures are asked for, and the break is named."""
    server.shares[ARCHIVE] = 0.8

    assert fetch(server, tmp_path, said) == FILES
    assert server.asked[:2] == [ARCHIVE, LIST]
    single = [path.removeprefix(f"/{REPOSITORY}/{COMMIT}/") for path in server.asked[2:]]
    assert 0 < len(single) < len(FILES) / 2
    assert set(single) < set(FILES)
    assert said[1].startswith(f"the archive broke off (cannot read {server.url}{ARCHIVE}: peer closed")


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_broken_download_goes_on_at_the_next_run(
    server: Server, tmp_path: Path, said: list[str], share: float
) -> None:
    """What arrived is kept though it is not all; the next run ends with every picture."""
    server.shares[ARCHIVE] = share
    whole_list = server.replies.pop(LIST)

    with pytest.raises(UnavailableError, match=r"; (\d+) of 16 pictures are kept$"):
        fetch(server, tmp_path, said)
    before = kept(tmp_path)
    assert 0 < len(before) < len(FILES)
    assert {name: (folder(tmp_path) / name).read_bytes() for name in before} == {
        name: FILES[name] for name in before
    }

    server.replies[LIST] = whole_list
    server.shares.clear()
    server.asked.clear()
    assert fetch(server, tmp_path, said) == FILES
    assert (ARCHIVE in server.asked) == (share < 0.5)


def test_the_archive_comes_again_where_single_pictures_are_refused(
    server: Server, tmp_path: Path, said: list[str]
) -> None:
    """A server that refuses many small requests costs a second archive, not the pictures."""
    server.shares[ARCHIVE] = 0.8
    server.replies.pop(LIST)
    with pytest.raises(UnavailableError):
        fetch(server, tmp_path, said)
    server.shares.clear()
    server.asked.clear()

    assert fetch(server, tmp_path, said) == FILES
    assert server.asked == [LIST, ARCHIVE]
    assert f"{server.url}{LIST} answered 404 Not Found" in said[-1]


def test_a_damaged_picture_is_replaced(server: Server, tmp_path: Path, said: list[str]) -> None:
    """Every start compares the content; only what is wrong or missing is fetched, and strange pictures go."""
    fetch(server, tmp_path, said)
    (folder(tmp_path) / FIRST).write_bytes(b"")
    (folder(tmp_path) / LAST).unlink()
    (folder(tmp_path) / FIRST).with_name("strange.jpg").write_bytes(b"strange")
    server.asked.clear()

    assert fetch(server, tmp_path, said) == FILES
    assert server.asked == [LIST, *(f"/{REPOSITORY}/{COMMIT}/{path}" for path in sorted({FIRST, LAST}))]


def test_other_content_is_refused_and_deleted(server: Server, tmp_path: Path, said: list[str]) -> None:
    """An archive with another picture is no archive of the commit; the error names it and what to do."""
    server.replies[ARCHIVE] = archive({**FILES, FIRST: FILES[LAST]})

    with pytest.raises(
        SourceError, match=rf"not those of commit {COMMIT}.* is deleted: run the same command"
    ):
        fetch(server, tmp_path, said)
    assert not folder(tmp_path).exists()


def test_a_single_picture_with_other_content_is_not_kept(
    server: Server, tmp_path: Path, said: list[str]
) -> None:
    """It is named with both ids, and the archive has the right one."""
    fetch(server, tmp_path, said)
    (folder(tmp_path) / FIRST).unlink()
    server.replies[f"/{REPOSITORY}/{COMMIT}/{FIRST}"] = FILES[LAST]

    assert fetch(server, tmp_path, said) == FILES
    assert f"with the Git id {blob_id(FILES[LAST])}, not {blob_id(FILES[FIRST])}" in said[-1]


def test_a_list_of_other_pictures_is_not_believed(server: Server, tmp_path: Path, said: list[str]) -> None:
    """The ids of the parts prove the list."""
    fetch(server, tmp_path, said)
    (folder(tmp_path) / FIRST).unlink()
    server.replies[LIST] = listing({**FILES, FIRST: FILES[LAST]})

    assert fetch(server, tmp_path, said) == FILES
    assert f"does not list the pictures of commit {COMMIT}" in said[-1]


def entry(name: str, kind: bytes = tarfile.REGTYPE, *, target: str = "") -> tarfile.TarInfo:
    """Return an entry of a tar archive without content."""
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


@pytest.mark.parametrize(
    ("strange", "reason"),
    [
        (entry("coats/../../../train/coat/00.jpg"), "leads out of its folder: 'coats/../../../train"),
        (entry("/train/coat/00.jpg"), "leads out of its folder: '/train/coat/00.jpg'"),
        (entry("coats/train", tarfile.SYMTYPE, target="/etc"), "neither a file nor a folder: 'coats/train'"),
        (entry("coats/train/coat/00.jpg", tarfile.LNKTYPE, target="/etc/passwd"), "neither a file"),
        (entry("coats/train/coat/00.jpg", tarfile.FIFOTYPE), "neither a file nor a folder"),
    ],
    ids=["parent", "absolute", "symbolic link", "hard link", "pipe"],
)
def test_an_archive_writes_only_pictures_into_its_folder(
    server: Server, tmp_path: Path, said: list[str], strange: tarfile.TarInfo, reason: str
) -> None:
    """An entry that leads out or is no file refuses the archive, and nothing of it stays."""
    server.replies[ARCHIVE] = archive(FILES, strange)

    with pytest.raises(SourceError, match=reason):
        fetch(server, tmp_path / "cache", said)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_archive_unpacks_to_a_bounded_size(
    server: Server, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a huge picture nor a huge other file is unpacked."""
    server.replies[ARCHIVE] = archive({"huge.bin": bytes(20 << 20), **FILES})
    with pytest.raises(SourceError, match=r"unpacks to more than [\d,]+ bytes"):
        fetch(server, tmp_path, said)

    monkeypatch.setattr(archive_module, "MAX_PICTURE_BYTES", 100)
    server.replies[ARCHIVE] = archive(FILES)
    with pytest.raises(SourceError, match=r"has a picture of [\d,]+ bytes, more than 100: "):
        fetch(server, tmp_path, said)


@pytest.mark.parametrize(
    "content",
    [b"<html>Log in to this network</html>", b"", archive(FILES)[:40]],
    ids=["page", "nothing", "beginning"],
)
def test_a_reply_that_is_no_archive_is_unavailable(
    server: Server, tmp_path: Path, said: list[str], content: bytes
) -> None:
    """The page of a network that wants a login is not taken for an archive."""
    server.replies[ARCHIVE] = content

    with pytest.raises(UnavailableError, match="sent no whole archive"):
        fetch(server, tmp_path, said)


def test_an_unusable_proxy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of a kind that nobody knows is a sentence."""
    monkeypatch.setenv("ALL_PROXY", "carrier-pigeon://loft")

    with pytest.raises(UnavailableError, match="the proxy in HTTPS_PROXY or ALL_PROXY cannot be used"):
        fetched(COATS, github=GitHub(), cache=tmp_path, say=lambda _: None)
