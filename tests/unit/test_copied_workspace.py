"""Servers belong to a workspace and its folder: a copy neither ends nor uses those of its original."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldloop.core.errors import ServiceUnreachableError, WorkspaceError
from goldloop.services import down, endpoints
from goldloop.services.processes import MARK_VARIABLE, ProcessMark, created_at, is_running, members, spawn
from goldloop.services.state import ServerState, load_state, moved_from, placed, save_state
from goldloop.settings.workspace import Workspace


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Workspace, subprocess.Popen[bytes]]]:
    """Yield a workspace whose MLflow, a program that only sleeps, runs."""
    workspace = Workspace.create(tmp_path / "here", labels=["cat", "dog"])
    folder = workspace.services / "mlflow"
    folder.mkdir(parents=True)
    workspace.logs.mkdir()
    child = spawn(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        environment={MARK_VARIABLE: "0123456789abcdef"},
        folder=folder,
        log=workspace.logs / "mlflow.log",
    )
    mark = ProcessMark("0123456789abcdef", child.pid, created_at(child.pid))
    save_state(workspace, {"mlflow": ServerState(20_001, mark)})
    yield workspace, child
    child.kill()
    child.wait()


def copied(workspace: Workspace, to: Path) -> Workspace:
    """Return a copy of the workspace in the folder `to`."""
    shutil.copytree(workspace.root, to)
    return Workspace.open(to)


def test_the_down_of_a_copy_ends_no_server_of_the_original(
    running: tuple[Workspace, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """The copy knows of no server of its own; the original still ends its own."""
    original, child = running
    copy = copied(original, tmp_path / "copy")

    assert load_state(copy) == {}
    with pytest.raises(ServiceUnreachableError, match="not running; run `goldloop up`"):
        endpoints(copy)
    assert down(copy, say=print) == 0
    assert child.poll() is None
    assert is_running(load_state(original)["mlflow"].process)
    assert down(original, say=print) == 1


def test_a_copy_gets_ports_of_its_own(
    running: tuple[Workspace, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """Also while the servers of the original do not run; the copy keeps its own afterwards."""
    original, _ = running
    down(original, say=print)
    copy = copied(original, tmp_path / "copy")

    mine = placed(copy, "mlflow", load_state(copy), move_ports=False, say=print)
    save_state(copy, {"mlflow": mine})

    assert mine.port != load_state(original)["mlflow"].port
    assert load_state(copy) == {"mlflow": mine}


def test_a_copy_whose_original_was_moved_away_ends_nothing_of_it(
    running: tuple[Workspace, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """What counts is where the process works, not where the record was written."""
    original, child = running
    copy = copied(original, tmp_path / "copy")
    original.root.rename(tmp_path / "old")
    moved = Workspace.open(tmp_path / "old")

    assert down(copy, say=print) == 0
    assert child.poll() is None
    assert down(moved, say=print) == 1


def test_a_moved_workspace_keeps_its_servers(
    running: tuple[Workspace, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    """Ports and processes are still its own, and `up` knows that it was moved."""
    original, child = running
    original.root.rename(tmp_path / "there")
    moved = Workspace.open(tmp_path / "there")

    state = load_state(moved)

    assert moved_from(moved) == str(original.root)
    assert state["mlflow"].port == 20_001
    assert [member.pid for member in members(state["mlflow"].process or ProcessMark("-"))] == [child.pid]
    assert down(moved, say=print) == 1
    assert moved_from(moved) is None


def test_a_copy_may_not_work_on_given_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would push and pull in the projects of its original; once that is gone, it may."""
    monkeypatch.setenv("GOLDLOOP_LABEL_STUDIO_TOKEN", "token")
    urls = dict.fromkeys(("label_studio_url", "prefect_url", "mlflow_url"), "http://servers.example")
    original = Workspace.create(tmp_path / "here", labels=["cat", "dog"], services=urls)
    copy = copied(original, tmp_path / "copy")

    with pytest.raises(WorkspaceError, match=r"copy is a copy of the workspace .*here, which still exists"):
        endpoints(copy)
    assert endpoints(original).mlflow.url == "http://servers.example"

    shutil.rmtree(original.root)

    assert endpoints(copy).mlflow.url == "http://servers.example"
