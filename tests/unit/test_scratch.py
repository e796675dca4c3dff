"""Temporary folders of a step: removed at its end, and by the next one after a kill."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from goldloop.core.scratch import scratch_folder

HELD = (
    "import time; from goldloop.core.scratch import scratch_folder\n"
    "with scratch_folder('step') as folder:\n"
    "    (folder / 'model').write_text('x'); print(folder, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the system's temporary folder be an empty one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def aged(folder: Path) -> Path:
    """Return the folder, as if it had been made an hour ago."""
    moment = folder.stat().st_mtime - 3600
    os.utime(folder, (moment, moment))
    return folder


def test_a_folder_is_removed_at_the_end_of_its_step(temporary: Path) -> None:
    """Also when the step fails."""

    def fail() -> None:
        with scratch_folder("step") as folder:
            (folder / "model").write_text("x")
            raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        fail()

    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next_step(temporary: Path) -> None:
    """The folder of a process at work stays, and so do those of other steps and of a moment ago."""
    process = subprocess.Popen([sys.executable, "-c", HELD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    held = aged(Path(process.stdout.readline().strip()))
    other, young = temporary / "goldloop-other-1", temporary / "goldloop-step-young"
    young.mkdir()
    other.mkdir()
    aged(other)
    try:
        with scratch_folder("step"):
            assert (held / "model").exists()
    finally:
        process.kill()
        process.communicate()

    with scratch_folder("step") as ours:
        assert set(temporary.iterdir()) == {ours, other, young}


def test_a_link_is_not_followed(temporary: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A temporary folder is open to everybody: what a link there points to is not goldloop's."""
    theirs = tmp_path_factory.mktemp("theirs")
    (theirs / "letter").write_text("x")
    aged(theirs)
    (temporary / "goldloop-step-link").symlink_to(theirs)

    with scratch_folder("step"):
        pass

    assert (theirs / "letter").exists()
