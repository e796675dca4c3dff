"""The Python API: what a notebook reads and runs, and the example of the documentation."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import goldloop
from goldloop.api import check_own_packages
from goldloop.core.errors import GoldVersionError, SettingsError, WorkspaceError
from goldloop.gold.records import gold_digest
from goldloop.settings.sections import SelectionSettings
from tests.loop import Loop, texts

DOCUMENT = Path(__file__).parents[2] / "docs" / "python-api.md"


def pushed(folder: Path) -> Loop:
    """Return a loop with a scored and pushed round."""
    loop = Loop(folder, texts(200), SelectionSettings(budget_per_round=60, audit_rate=0.3))
    loop.score()
    loop.push()
    return loop


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop with a scored and pushed round, answered with one label."""
    loop = pushed(tmp_path)
    loop.answer_all()
    loop.pull()
    return loop


@pytest.fixture
def workspace(loop: Loop) -> goldloop.OpenWorkspace:
    """Return the workspace of that loop."""
    return goldloop.OpenWorkspace(loop.ports())


def test_gold_is_an_arrow_table_of_the_version_asked_for(workspace: goldloop.OpenWorkspace) -> None:
    """Version 0 is empty, the newest has a row for each record of its log entry."""
    newest = workspace.gold_log()[0]

    assert workspace.gold(0).num_rows == 0
    assert workspace.gold().num_rows == newest.n_records > 0
    assert workspace.gold(newest.version).equals(workspace.gold())
    assert {change.kind for change in workspace.gold_diff(0)} == {"added"}
    with pytest.raises(GoldVersionError, match="no gold version 99"):
        workspace.gold(99)


def test_every_sample_has_one_prediction(workspace: goldloop.OpenWorkspace) -> None:
    """The newest prediction of each sample, in one table; the lanes add up to the files."""
    predictions = workspace.predictions()
    files = workspace.files()

    assert predictions.num_rows == 200
    assert len(set(predictions["sample_id"].to_pylist())) == 200
    assert files.is_conserved
    assert sum(files.lanes.values()) == 200


def test_estimates_carry_interval_and_n(workspace: goldloop.OpenWorkspace) -> None:
    """Audits say what the accuracy on all traffic is; everybody answers ham, as the short texts are."""
    report = workspace.estimates()

    assert report.n >= 10
    assert report.accuracy is not None
    assert report.accuracy.low < report.accuracy.value < report.accuracy.high
    assert report.accuracy.n == report.n


def test_the_steps_are_those_of_the_routine(tmp_path: Path) -> None:
    """A pull through the API makes the same gold as the routine itself."""
    loop = pushed(tmp_path)
    loop.answer_all_by_turns()
    loop.pull()
    workspace = goldloop.OpenWorkspace(loop.ports())
    before = gold_digest(loop.gold.records())

    assert workspace.pull().gold_version is None, "nothing new"
    assert workspace.push().n_pushed == 0, "the round's budget is spent"
    assert gold_digest(loop.gold.records()) == before


def test_a_folder_without_a_workspace_is_an_error(tmp_path: Path) -> None:
    """The error names the folder and the command that makes a workspace."""
    with pytest.raises(WorkspaceError, match=r"goldloop init"):
        goldloop.open_workspace(tmp_path)


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known_ones() -> None:
    """The package offers the API and nothing by accident."""
    with pytest.raises(AttributeError, match="open_workspace"):
        _ = goldloop.openworkspace


def test_the_example_of_the_documentation_runs(
    workspace: goldloop.OpenWorkspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every code block of docs/python-api.md, one after the other, prints what its text says."""
    monkeypatch.setattr(goldloop, "open_workspace", lambda folder: workspace, raising=False)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)

    printed = capsys.readouterr().out
    assert re.search(r"gold version \d+: 60 samples, digest [0-9a-f]{16}\n", printed)
    assert "[{'label': 'ham', 'sample_id_count': 60}]" in printed
    assert re.search(r"accuracy of the machine's labels: 0\.\d+ \[", printed)


def test_a_file_of_the_user_that_hides_a_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A models.py beside a notebook would end in an error of Python about goldloop's own modules."""
    (tmp_path / "models.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "models", raising=False)

    with pytest.raises(
        SettingsError, match=r"`import models` finds .*models\.py in place of goldloop's package"
    ):
        check_own_packages()
