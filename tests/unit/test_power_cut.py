"""Power cuts: what was reported is there afterwards; what was not is there whole, not at all, or named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from goldloop.adapters.delta import Table
from goldloop.core.disk import write_whole, written_together
from goldloop.core.errors import StorageError
from goldloop.core.samples import sample_id_of
from goldloop.core.table_ports import Changes
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore
from goldloop.settings.workspace import Workspace
from goldloop.tables import schema
from tests.images import encoded, noise
from tests.power_cut import ForgetfulDisk, PowerCut

NAME = "task_events"
STEPS: list[Callable[[Table], object]] = [
    lambda table: table.append([{"key": "a", "seq": 1}]),
    lambda table: table.append_next(lambda seq: [{"key": "b", "seq": seq}]),
    lambda table: table.merge_next(lambda _: Changes([{"key": "a", "seq": 9}]), key="key"),
    lambda table: table.merge_next(lambda _: Changes(remove=[{"key": "b", "seq": 1}]), key="key"),
    lambda table: table.append([{"key": "c", "seq": 1}]),
]


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForgetfulDisk]:
    """A disk below an empty folder."""
    (tmp_path / "disk").mkdir()
    disk = ForgetfulDisk(tmp_path / "disk", monkeypatch)
    yield disk
    disk.close()


def opened(root: Path) -> Table:
    """Open the table as the next process does."""
    return Table(root / "workspace" / "tables", NAME, schema.ALL[NAME])


def rows(table: Table) -> list[tuple[str, int]]:
    """Return key and seq of every row."""
    return sorted((row["key"], row["seq"]) for row in table.read().to_pylist())


@pytest.mark.parametrize("names_kept", [False, True])
def test_every_reported_commit_survives_a_power_cut(
    disk: ForgetfulDisk, tmp_path: Path, names_kept: bool
) -> None:
    """After each append and merge, and after the creation, the disk holds all that was reported."""
    table = opened(disk.root)
    for number, step in enumerate([lambda _: None, *STEPS]):
        step(table)
        after = disk.after_the_cut(tmp_path / str(number), names_kept=names_kept)
        assert rows(opened(after)) == rows(table)


def test_a_summary_of_ten_commits_survives_a_power_cut(disk: ForgetfulDisk, tmp_path: Path) -> None:
    """deltalake sums up every tenth commit in files of its own, which must be whole as well."""
    table = opened(disk.root)
    for number in range(11):
        table.append([{"key": str(number), "seq": number}])
    after = disk.after_the_cut(tmp_path / "after", names_kept=True)

    assert list(after.rglob("*.checkpoint.parquet"))
    assert len(rows(opened(after))) == 11


@pytest.mark.parametrize("names_kept", [False, True])
@pytest.mark.parametrize("step", [1, 2])
def test_a_power_cut_within_a_commit_never_loses_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, names_kept: bool
) -> None:
    """Cut before each fsync of a step: the table is as before or after it, or names what to remove."""
    named = []
    for moment in count():
        root = tmp_path / f"disk-{moment}"
        root.mkdir()
        with monkeypatch.context() as patch:
            disk = ForgetfulDisk(root, patch)
            table = opened(root)
            for earlier in STEPS[:step]:
                earlier(table)
            before = rows(table)
            disk.cut_at = disk.n_forced + moment
            with suppress(PowerCut):
                STEPS[step](table)
            after = disk.after_the_cut(tmp_path / f"after-{moment}", names_kept=names_kept)
            disk.close()
        is_cut = disk.n_forced == disk.cut_at
        try:
            found = rows(opened(after))
        except StorageError as error:
            said = re.search(rf"table '{NAME}' .* remove (\S+) and run", str(error))
            named.append(Path(said[1] if said else "no file named"))
            named[-1].unlink()
            found = rows(opened(after))
        assert found in ([before, rows(table)] if is_cut else [rows(table)])
        if not is_cut:
            break
    assert moment >= 4
    assert bool(named) == names_kept


def test_a_file_written_whole_survives_or_was_never_there(disk: ForgetfulDisk, tmp_path: Path) -> None:
    """A new file in new folders, and then its replacement cut at every fsync."""
    path = disk.root / "new" / "folder" / "file"
    write_whole(path, "one")
    assert (disk.after_the_cut(tmp_path / "a", names_kept=False) / "new/folder/file").read_text() == "one"
    for number in range(2):
        disk.cut_at = disk.n_forced + number
        with pytest.raises(PowerCut):
            write_whole(path, "two")
        disk.cut_at = None
        after = disk.after_the_cut(tmp_path / str(number), names_kept=False)
        assert (after / "new/folder/file").read_text() in ("one", "two")


@pytest.mark.parametrize("names_kept", [False, True])
def test_files_written_together_are_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names_kept: bool
) -> None:
    """Five files in two new folders, cut before each fsync: what has its name has its content."""
    contents = {f"{number % 2}/{number}": str(number) * 100 for number in range(5)}
    n_whole = []
    for moment in count():
        root = tmp_path / f"disk-{moment}"
        root.mkdir()
        with monkeypatch.context() as patch:
            disk = ForgetfulDisk(root, patch)
            disk.cut_at = moment
            with suppress(PowerCut), written_together() as write:
                for name, content in contents.items():
                    write(root / name, content.encode())
            is_cut = disk.n_forced == moment
            after = disk.after_the_cut(tmp_path / f"after-{moment}", names_kept=names_kept)
            disk.close()
        found = {name: (after / name).read_text() for name in contents if (after / name).exists()}
        assert found.items() <= contents.items()
        n_whole.append(len(found))
        if not is_cut:
            break
    assert n_whole[0] == 0
    assert n_whole[-1] == len(contents)


def test_an_error_among_files_written_together_leaves_none_beside(tmp_path: Path) -> None:
    """The third write meets a folder that is a file; nothing hidden stays, and no file has its name."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError, match="a file lies where a folder should be"):
        write_together(tmp_path, ["a/1", "a/2", "file/3"])

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]


def write_together(folder: Path, names: list[str]) -> None:
    """Write a file with its own name as content for each of `names`."""
    with written_together() as write:
        for name in names:
            write(folder / name, name.encode())


@pytest.mark.parametrize("size", [(8, 8), (3000, 10)])
def test_a_kept_picture_and_its_display_copy_survive_a_power_cut(
    disk: ForgetfulDisk, tmp_path: Path, size: tuple[int, int]
) -> None:
    """What `keep` returned is on the disk, with the original."""
    content = encoded(noise(1, size), "PNG")
    (tmp_path / "source.png").write_bytes(content)
    sample_id = sample_id_of(content)
    store = ImageStore(disk.root / "images", ImageReader(Form(32)))
    shown = store.keep(sample_id, str(tmp_path / "source.png"))
    after = ImageStore(
        disk.after_the_cut(tmp_path / "after", names_kept=False) / "images", ImageReader(Form(32))
    )

    assert (after.root / shown).read_bytes() == (store.root / shown).read_bytes()
    assert after.file(sample_id) is not None
    assert after.load(sample_id).fingerprint == store.load(sample_id).fingerprint


def test_a_workspace_survives_a_power_cut(disk: ForgetfulDisk, tmp_path: Path) -> None:
    """`goldloop init` has written goldloop.toml when it reports the workspace."""
    made = Workspace.create(disk.root / "pets", labels=["cat", "dog"])
    after = Workspace.open(disk.after_the_cut(tmp_path / "after", names_kept=False) / "pets")

    assert after.settings == made.settings
