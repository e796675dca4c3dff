"""Disk errors: a full, read-only or failing disk is one sentence with cause, value and next step."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from goldloop.adapters.delta import Table
from goldloop.adapters.feature_files import FeatureFiles
from goldloop.cli.main import main
from goldloop.core.disk import disk_error, write_whole
from goldloop.core.errors import StorageError
from goldloop.core.presets import PresetChoice
from goldloop.core.samples import sample_id_of
from goldloop.core.table_ports import Changes
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore
from goldloop.modalities.rows.store import RowStore
from goldloop.scoring.journal import Journal
from goldloop.settings.preset_record import PresetFile
from goldloop.settings.workspace import Workspace
from goldloop.tables import schema
from tests.images import encoded, noise

KIB = 1024
NAME = "task_events"
ID = sample_id_of(b"a")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB; only root may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={1024 * KIB}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, free: int = 0) -> None:
    """Fill the disk but for `free` bytes."""
    with (folder / "filler").open("wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(bytes(4 * KIB)):
                pass
        file.truncate(max(0, file.seek(0, os.SEEK_END) - free))


def keep_picture(folder: Path) -> None:
    """Keep a picture of about 100 KiB in the store."""
    content = encoded(noise(1, (250, 250)), "PNG")
    source = folder.parent / "source.png"
    source.write_bytes(content)
    ImageStore(folder / "images", ImageReader(Form(32))).keep(sample_id_of(content), str(source))


WRITES: dict[str, Callable[[Path], object]] = {
    "a table made": lambda folder: Table(folder / "tables", "gold", schema.ALL["gold"]),
    "a table appended to": lambda folder: opened(folder).append([{"key": "x" * 100_000}]),
    "a table merged": lambda folder: opened(folder).merge_next(
        lambda _: Changes([{"key": "x" * 100_000}]), key="key"
    ),
    "a file": lambda folder: write_whole(folder / "new", bytes(100_000)),
    "a picture": keep_picture,
    "a text": lambda folder: RowStore(folder / "texts.sqlite", "text").add({ID: "x" * 100_000}, {}),
    "a live decision": lambda folder: Journal(folder / "journal" / "decisions.jsonl").add(
        {"sample": "x" * 100_000}
    ),
    "features": lambda folder: FeatureFiles(folder / "features", 50_000).add(
        {ID: np.ones(50_000, np.float16)}
    ),
    "the preset": lambda folder: PresetFile(folder).save(PresetChoice("tiny", 200, 8, 8, is_colour=False)),
    "a workspace": lambda folder: Workspace.create(folder / "w" / "pets", labels=["cat", "dog"]),
}


def opened(folder: Path) -> Table:
    """Open the table below `folder`."""
    return Table(folder / "tables", NAME, schema.ALL[NAME])


@pytest.mark.parametrize("write", WRITES)
def test_a_full_disk_is_one_sentence_for_every_write(small_disk: Path, write: str) -> None:
    """It names the cause, where, how much is free and what to do; room makes the same call succeed."""
    opened(small_disk)
    fill(small_disk)

    with pytest.raises(StorageError) as caught:
        WRITES[write](small_disk)
    said = str(caught.value)
    assert "the disk is full (ENOSPC, " in said
    assert str(small_disk) in said
    assert "bytes are free" in said
    assert "Free space on it, then run the same command again" in said
    assert "\n" not in said
    (small_disk / "filler").unlink()
    WRITES[write](small_disk)
    assert not [path for path in small_disk.rglob(".*") if path.name != ".gitignore"]


def test_a_disk_that_fills_within_a_commit_loses_nothing(small_disk: Path) -> None:
    """Commits until the disk is full: what was reported is there, and nothing else."""
    table, reported = opened(small_disk), list[int | None]()

    def commit_for_ever() -> None:
        while True:
            reported.append(table.append_next(lambda seq: [{"key": f"{seq}" * 50, "seq": seq}]))

    with pytest.raises(StorageError, match=rf"cannot write table '{NAME}': the disk is full \(ENOSPC"):
        commit_for_ever()
    assert len(reported) > 10
    assert sorted(opened(small_disk).read()["seq"].to_pylist()) == reported


@pytest.mark.parametrize("n_rooms", [0, 1, 2])
def test_a_full_disk_that_was_not_foreseen_is_the_same_sentence(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, n_rooms: int
) -> None:
    """Another program takes the room between the look and the write, of the rows or of the commit file."""
    table = opened(small_disk)
    fill(small_disk, free=n_rooms * 4 * KIB)
    monkeypatch.setattr("goldloop.adapters.delta_log.n_free", lambda _: 10**9)

    with pytest.raises(StorageError, match=rf"cannot write table '{NAME}': the disk is full \(ENOSPC"):
        table.append([{"key": "x" * 3000}])
    (small_disk / "filler").unlink()
    assert len(opened(small_disk).read()) == 0


@pytest.mark.parametrize("write", WRITES)
def test_a_read_only_disk_is_one_sentence_for_every_write(small_disk: Path, write: str) -> None:
    """A disk with errors becomes read-only; what is there can still be read."""
    opened(small_disk).append([{"key": "before"}])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)

    with pytest.raises(StorageError, match=r"the disk is read-only \(EROFS, .*\)\. Mount it writable"):
        WRITES[write](small_disk)
    assert opened(small_disk).read()["key"].to_pylist() == ["before"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), r"disk is full \(ENOSPC, /x/y, "),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), r"permission denied \(EACCES, /x/y\)"),
        (OSError(errno.EIO, "Input/output error"), r"input/output error \(EIO, /here\)"),
        (RuntimeError("LocalFileSystem error: Input/output error (os error 5)"), r"\(EIO, /here\)"),
        (sqlite3.OperationalError("database or disk is full"), r"disk is full \(ENOSPC, /here"),
        (sqlite3.OperationalError("attempt to write a readonly database"), r"read-only \(EROFS, /here"),
    ],
)
def test_every_source_of_a_disk_error_is_understood(error: Exception, said: str) -> None:
    """Errors of Python, of Rust and of SQLite name the same causes."""
    told = disk_error(error, "write", "/here")

    assert told is not None
    assert told.args[0].startswith("cannot write: ")
    with pytest.raises(StorageError, match=said):
        raise told


def test_other_errors_are_not_taken_for_the_disk() -> None:
    """A missing file or a lost connection has another next step."""
    for error in (FileNotFoundError(errno.ENOENT, "gone"), ConnectionResetError(104, "reset"), ValueError()):
        assert disk_error(error, "write") is None


@pytest.mark.parametrize("limit", [0, 1])
def test_a_command_ends_with_one_line_when_the_disk_refuses_a_file(tmp_path: Path, limit: int) -> None:
    """`goldloop init` under a limit of the size of files, in 512-byte or 1-KiB blocks: no traceback."""
    command = (
        f"ulimit -f {limit}; exec {sys.executable} -m goldloop.cli.main init {tmp_path}/pets --labels a,b"
    )
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot write ")
    assert "(EFBIG, " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list((tmp_path / "pets").glob("goldloop.toml"))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a file", "a file lies where a folder should be (EEXIST, "),
        ("a file/below", "a file lies where a folder should be ("),
        ("x" * 300, "the path is too long (ENAMETOOLONG, "),
    ],
)
def test_a_workspace_where_none_can_be_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    path: str,
    said: str,
) -> None:
    """`goldloop init` names the place and what lies there."""
    (tmp_path / "a file").touch()
    monkeypatch.setattr("sys.argv", ["goldloop", "init", str(tmp_path / path), "--labels", "a,b"])

    with pytest.raises(SystemExit):
        main()

    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("error: cannot ")
    assert len(told.splitlines()) == 1


def test_any_error_about_a_path_ends_a_command_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one that has no sentence of its own, such as a folder that was removed meanwhile."""
    Workspace.create(tmp_path / "pets", labels=["cat", "dog"])

    def gone(*_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/gone/away")

    monkeypatch.setattr("goldloop.cli.workspace.back_up", gone)
    monkeypatch.setattr("sys.argv", ["goldloop", "backup", "x", "-w", str(tmp_path / "pets")])
    with pytest.raises(SystemExit):
        main()

    assert capsys.readouterr().err == (
        "error: cannot finish this command: No such file or directory (ENOENT, /gone/away). Check that path, "
        "then run the same command again; what earlier commands reported is safe\n"
    )
