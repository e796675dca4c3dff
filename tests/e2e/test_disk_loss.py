"""Lost tables, lost pictures, a torn file and a full disk, with the commands and a real Label Studio."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.tables.task_log import TaskLog
from tests.e2e.commands import Loop
from tests.images import write_good

pytestmark = pytest.mark.servers

N_TASKS = 12
SETTINGS = {"labels": ["cat", "dog"], "selection": {"budget_per_round": N_TASKS}}


def sentence(loop: Loop, *command: str) -> str:
    """Return the one line that a failing command prints on standard error."""
    ended = loop.run(*command, code=1)
    assert "Traceback" not in ended.err
    assert "panicked" not in ended.err
    (line,) = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    return line


def test_a_lost_task_log_and_lost_pictures_come_back(make_loop: Callable[..., Loop], tmp_path: Path) -> None:
    """Plans come from the seals on the server, pictures from their sources; no task is made twice."""
    loop = make_loop("lost-log", **SETTINGS)
    loop.score_without_model(write_good(tmp_path / "pictures", 40)[0].parent)
    loop.run("push")
    before = TaskLog(loop.parts.tables).statuses()
    pictures = {path.name: path.read_bytes() for path in loop.parts.workspace.images.rglob("*.*g")}
    for name in ("planned_tasks", "task_events"):
        shutil.rmtree(loop.root / "tables" / name)
    shutil.rmtree(loop.parts.workspace.images)

    loop.run("push")

    after = TaskLog(loop.parts.tables).statuses()
    assert {key: task.task_id for key, task in after.items()} == {
        key: task.task_id for key, task in before.items()
    }
    for key, task in before.items():
        assert replace(after[key].plan, detail=None) == task.plan
    assert {path.name: path.read_bytes() for path in loop.parts.workspace.images.rglob("*.*g")} == pictures
    assert loop.doubled() == []


def test_a_torn_commit_ends_a_command_with_one_sentence(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """The sentence names table, file and next step; the next step mends it."""
    loop = make_loop("torn", **SETTINGS)
    loop.score_without_model(write_good(tmp_path / "pictures", 40)[0].parent)
    newest = max((loop.root / "tables/predictions/_delta_log").glob("*.json"))
    newest.write_bytes(b"")

    said = sentence(loop, "push")

    assert f"{newest} of commit {int(newest.stem)} of table 'predictions' is empty" in said
    named = re.search(r"remove (\S+) and run the same command again", said)
    assert named is not None
    Path(named[1]).unlink()
    loop.run("push")
    assert loop.doubled() == []


def test_a_full_disk_ends_a_command_with_one_sentence_and_loses_nothing(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """Full while a push writes its plan; with room again the push makes every task once."""
    loop = make_loop("full", **SETTINGS)
    loop.score_without_model(write_good(tmp_path / "pictures", 40)[0].parent)
    disk, tables = tmp_path / "disk", loop.root / "tables"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        shutil.copytree(tables, disk / "tables")
        tables.rename(loop.root / "moved")
        tables.symlink_to(disk / "tables")
        n_free = shutil.disk_usage(disk).free
        (disk / "filler").write_bytes(bytes(n_free))

        said = sentence(loop, "push")
        assert re.search(
            r"cannot write table '\w+': the disk is full \(ENOSPC, .*, [\d,]+ bytes are free", said
        )

        (disk / "filler").unlink()
        loop.run("push")
        assert loop.doubled() == []
        assert len(loop.queue().all_tasks()) == N_TASKS
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
