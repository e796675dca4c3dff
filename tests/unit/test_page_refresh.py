"""The page of the workspace is written again after a round, where somebody has it."""

from __future__ import annotations

from pathlib import Path

from flows.page import refresh_workspace_page, write_workspace_page
from goldloop.settings.workspace import Workspace
from goldloop.wiring import open_workspace


def test_only_a_page_that_lies_there_is_written_again(tmp_path: Path) -> None:
    """Nobody gets a page with samples and answers unasked; whoever has one gets it of now."""
    Workspace.create(tmp_path / "w", labels=["cat", "dog"], kind="text")
    wiring = open_workspace(tmp_path / "w")
    assert refresh_workspace_page(wiring) is None
    assert not list(wiring.workspace.reports.glob("*"))

    path = write_workspace_page(wiring)
    path.write_text("a page of last week")
    assert refresh_workspace_page(wiring) == path
    assert "last week" not in path.read_text(encoding="utf-8")
