"""Backup and restore: the whole workspace in one file, checked by digest, taken while others write."""

from __future__ import annotations

import io
import json
import sqlite3
import stat
import tarfile
from pathlib import Path
from threading import Event, Thread

import pytest

from goldloop.adapters.delta import open_tables
from goldloop.backup import MANIFEST, back_up, restore
from goldloop.core.errors import WorkspaceError
from goldloop.settings.sealing_key import sealing_key
from goldloop.settings.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace with a table, a content, a database, a link, and files of this machine."""
    made = Workspace.create(tmp_path / "shop", labels=["cat", "dog"])
    open_tables(made.tables).rounds.append([{"round": 0}])
    for name, content in {
        "images/ab/abc.png": b"picture",
        "checks/hate.csv": b"id,text,expected",
        "services/secrets.json": b"{}",
        "services/state.json": b"{}",
        "services/logs/mlflow.log": b"log",
        "locks/retrain.lock": b"",
        "index/samples.sqlite": b"derived",
        "services/mlflow/artifacts/1/blocks": b"weights",
    }.items():
        (made.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made.root / name).write_bytes(content)
    made.secrets_file.chmod(0o600)
    sealing_key(made.root)
    (made.services / "label_studio").mkdir()
    (made.services / "label_studio" / "images").symlink_to("../../images")
    return made


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below `folder`."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_restored_workspace_holds_the_same_files(workspace: Workspace, tmp_path: Path) -> None:
    """All files come back on another path, without logs, locks, ports, indexes and links, which are named."""
    made = back_up(workspace, tmp_path / "shop.backup")
    restored = restore(tmp_path / "shop.backup", tmp_path / "elsewhere" / "copy")

    left_out = ("services/state.json", "services/logs/", "locks/", "index/", "services/label_studio/")
    expected = {
        name: content for name, content in files_of(workspace.root).items() if not name.startswith(left_out)
    }
    assert files_of(restored.root) == expected
    assert made.n_files == len(expected)
    assert made.links == ("services/label_studio/images",)
    assert restored.settings == workspace.settings
    assert open_tables(restored.tables).rounds.read()["round"].to_pylist() == [0]


def test_only_its_owner_may_read_it(workspace: Workspace, tmp_path: Path) -> None:
    """The file holds secrets; so do secrets.json and plan.key after a restore."""
    back_up(workspace, tmp_path / "shop.backup")
    restored = restore(tmp_path / "shop.backup", tmp_path / "copy")

    for path in (tmp_path / "shop.backup", restored.secrets_file, restored.root / "plan.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_backup_during_commits_and_transactions_is_whole(workspace: Workspace, tmp_path: Path) -> None:
    """Rows of the table are a beginning of what was committed; a database holds whole transactions."""
    database, stop = workspace.services / "label_studio.sqlite3", Event()
    with sqlite3.connect(database) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE pairs (left INTEGER, right INTEGER)")

    def write() -> None:
        tables, connection, number = open_tables(workspace.tables), sqlite3.connect(database), 0
        while not stop.is_set():
            number += 1
            tables.rounds.append([{"round": number}])
            with connection:
                connection.execute("INSERT INTO pairs VALUES (?, 0)", (number,))
                connection.execute("UPDATE pairs SET right = left WHERE left = ?", (number,))
        connection.close()

    writer = Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            back_up(workspace, tmp_path / f"{number}.backup")
    finally:
        stop.set()
        writer.join()

    for number in range(5):
        restored = restore(tmp_path / f"{number}.backup", tmp_path / f"copy-{number}")
        rounds = sorted(open_tables(restored.tables).rounds.read()["round"].to_pylist())
        assert rounds == list(range(len(rounds)))
        with sqlite3.connect(restored.services / "label_studio.sqlite3") as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            pairs = copy.execute("SELECT left, right FROM pairs ORDER BY left").fetchall()
        assert pairs == [(n, n) for n in range(1, len(pairs) + 1)]
        assert len(pairs) >= len(rounds) - 2  # the pair of the newest round may follow it


@pytest.mark.parametrize("damage", ["cut", "altered", "without list"])
def test_a_damaged_backup_restores_nothing(workspace: Workspace, tmp_path: Path, damage: str) -> None:
    """A file that was cut, changed or lost its list is refused, and no folder appears."""
    file = tmp_path / "shop.backup"
    back_up(workspace, file)
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "altered":
        file.write_bytes(content.replace(b"picture", b"another"))
    else:
        with tarfile.open(file) as archive, tarfile.open(tmp_path / "less", "w") as less:
            for member in archive:
                if member.name != MANIFEST:
                    less.addfile(member, archive.extractfile(member))
        file = tmp_path / "less"

    with pytest.raises(WorkspaceError, match=r"backup|damaged|list"):
        restore(file, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not list(tmp_path.glob(".copy*"))


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "link"])
def test_no_file_outside_the_folder_is_written(tmp_path: Path, name: str) -> None:
    """A path that leaves the folder, and a link, are refused by name."""
    file = tmp_path / "evil"
    with tarfile.open(file, "w") as archive:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member, io.BytesIO(b""))

    with pytest.raises(WorkspaceError, match="is refused"):
        restore(file, tmp_path / "copy")
    assert not (tmp_path / "outside").exists()


def test_a_missing_folder_is_made_and_a_missing_backup_is_named(workspace: Workspace, tmp_path: Path) -> None:
    """Neither is a traceback; nothing is made where there is nothing to restore."""
    made = back_up(workspace, tmp_path / "new" / "folder" / "shop.backup")

    assert made.path.is_file()
    for missing in (tmp_path / "none.backup", tmp_path / "new"):
        with pytest.raises(WorkspaceError, match=f"{missing} is no file. Name one that `goldloop backup`"):
            restore(missing, tmp_path / "restored" / "shop")
    assert not (tmp_path / "restored").exists()


def test_nothing_is_overwritten(workspace: Workspace, tmp_path: Path) -> None:
    """An existing file, a file in the workspace and a folder that is not empty are refused."""
    (tmp_path / "there").write_text("mine")
    with pytest.raises(WorkspaceError, match="exists already"):
        back_up(workspace, tmp_path / "there")
    with pytest.raises(WorkspaceError, match="lies in the workspace"):
        back_up(workspace, workspace.root / "backup")
    back_up(workspace, tmp_path / "shop.backup")
    with pytest.raises(WorkspaceError, match="is not empty"):
        restore(tmp_path / "shop.backup", workspace.root)


def test_another_format_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    """A backup of a later goldloop is named, not guessed at."""
    back_up(workspace, tmp_path / "shop.backup")
    with tarfile.open(tmp_path / "shop.backup") as archive, tarfile.open(tmp_path / "later", "w") as later:
        for member in archive:
            source = archive.extractfile(member)
            assert source is not None
            content = source.read()
            if member.name == MANIFEST:
                content = json.dumps(json.loads(content) | {"format": 2}).encode()
                member.size = len(content)
            later.addfile(member, io.BytesIO(content))

    with pytest.raises(WorkspaceError, match="format 2"):
        restore(tmp_path / "later", tmp_path / "copy")
