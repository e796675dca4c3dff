"""A rehearsal: backed up while a pull runs, restored on another path with servers of its own, and sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.services import down, up
from goldloop.settings import ALONE
from goldloop.settings.workspace import Workspace
from tests.e2e.commands import Loop, finish
from tests.e2e.people import answer_all, said_by_truth, some_digits

pytestmark = pytest.mark.servers
N = 40


def test_a_restored_workspace_goes_on_where_the_backup_was_taken(tmp_path: Path) -> None:
    """The restored pull ends at the gold of the original, nothing is asked twice, and every promise holds."""
    pictures = some_digits(tmp_path / "digits", N)
    labels = [str(digit) for digit in range(10)]
    workspace = Workspace.create(tmp_path / "shop", labels=labels, **ALONE)
    restored: Workspace | None = None
    try:
        loop = Loop(workspace.root, up(workspace, say=print))
        loop.score_without_model(tmp_path / "digits")
        n_tasks = loop.json("push")["n_pushed"]
        answer_all(loop.servers.label_studio, loop.queue(), said_by_truth(pictures).__getitem__)
        pull = loop.start("pull")
        loop.run("backup", str(tmp_path / "shop.backup"))
        assert finish(pull).code == 0
        status = loop.json("status")

        loop.run("restore", str(tmp_path / "shop.backup"), str(tmp_path / "elsewhere" / "shop"))
        restored = Workspace.open(tmp_path / "elsewhere" / "shop")
        again = Loop(restored.root, up(restored, say=print))
        again.run("pull")
        assert "every promise holds" in again.run("check").out
        assert again.json("status")["gold"]["digest"] == status["gold"]["digest"]
        assert again.json("push")["n_pushed"] == 0
        assert again.queue().counts().n_tasks == n_tasks
        assert again.servers.label_studio.url != loop.servers.label_studio.url
    finally:
        down(workspace, say=print)
        if restored is not None:
            down(restored, say=print)
