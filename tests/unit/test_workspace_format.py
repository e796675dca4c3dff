"""A workspace carries its format: a newer one is refused, an older one is brought up to date."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from goldloop import __version__
from goldloop.adapters.delta import open_tables
from goldloop.backup import back_up, restore
from goldloop.core.errors import SettingsError, WorkspaceError
from goldloop.core.tasks import NewTask, Purpose
from goldloop.settings import workspace_format
from goldloop.settings.identity import FORMAT
from goldloop.settings.workspace import Workspace
from goldloop.settings.workspace_format import bring_up_to_date, checked_format
from goldloop.tables.counts import annotation_counts, conservation
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.model_log import read_models
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import read_rounds
from goldloop.tables.task_log import TaskLog
from goldloop.training.model_history import ModelId
from goldloop.wiring import open_workspace
from tests.loop import Loop, texts
from tests.old_workspace import written


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a workspace that goldloop wrote before workspaces had formats, ids and label records."""
    written(tmp_path / "old")
    return tmp_path / "old"


def files(root: Path) -> dict[str, bytes]:
    """Return every file of a workspace."""
    found = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_a_new_workspace_has_the_present_format(tmp_path: Path) -> None:
    """`goldloop init` writes the number and the version of goldloop; opening changes nothing."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])

    content = json.loads((workspace.root / "workspace.json").read_text())
    assert (content["format"], content["goldloop"]) == (FORMAT, __version__)
    before = files(workspace.root)
    Workspace.open(workspace.root)
    assert files(workspace.root) == before


def test_a_newer_workspace_is_refused(tmp_path: Path) -> None:
    """The sentence names the folder, both formats and the goldloop that wrote it; nothing changes."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    file = workspace.root / "workspace.json"
    newer = {"format": FORMAT + 1, "goldloop": "9.2.0", "what is new": []}
    file.write_text(json.dumps(json.loads(file.read_text()) | newer))
    before = files(workspace.root)

    with pytest.raises(
        WorkspaceError,
        match=rf"w is a workspace of format {FORMAT + 1}, written by goldloop 9\.2\.0; goldloop "
        rf"{__version__} reads formats up to {FORMAT}\. Nothing was changed\. Install goldloop 9\.2\.0",
    ):
        Workspace.open(workspace.root)
    command = [sys.executable, "-m", "goldloop.cli.main", "status", "-w", str(workspace.root)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "Traceback" not in ended.stderr
    assert files(workspace.root) == before


def test_a_backup_of_a_newer_workspace_is_not_restored(tmp_path: Path) -> None:
    """The refusal comes before the folder is made."""
    workspace = Workspace.create(tmp_path / "w", labels=["cat", "dog"])
    file = workspace.root / "workspace.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": FORMAT + 1}))
    back_up(workspace, tmp_path / "w.backup")

    with pytest.raises(WorkspaceError, match="written by goldloop"):
        restore(tmp_path / "w.backup", tmp_path / "restored")

    assert not (tmp_path / "restored").exists()


def test_an_older_workspace_is_brought_up_to_date(old: Path) -> None:
    """Settings that are gone become comments, the file stays beside, and everything else reads on."""
    before = (old / "goldloop.toml").read_text()
    assert "below_share = 0.1" in before

    wiring = open_workspace(old)

    assert checked_format(old) == FORMAT
    assert (old / "goldloop.toml.format-0").read_text() == before
    assert "# gone since workspace format 1: below_share = 0.1\n" in (old / "goldloop.toml").read_text()
    assert wiring.settings.labels == ("ham", "spam")
    assert wiring.workspace.identity.adopts_unmarked
    assert wiring.workspace.identity.handle == "old"
    done = files(old)
    open_workspace(old)
    assert files(old) == done


def test_what_an_older_goldloop_recorded_still_counts(tmp_path: Path) -> None:
    """Files, tasks, answers, gold with its digest, the round and the policy are those of then."""
    digest = written(tmp_path / "old")

    wiring = open_workspace(tmp_path / "old")

    counts = conservation(wiring.tables)
    assert (counts.n_files, counts.quarantine, counts.is_conserved) == (10, 1, True)
    gold = GoldStore(wiring.tables.gold).read()
    assert (gold.version.digest, gold.version.n_records) == (digest, 3)
    state = wiring.read_state()
    assert sorted(task.purpose for task in state.snapshot.tasks.values()) == [*[Purpose.AUDIT] * 3, "review"]
    answers = annotation_counts(state.snapshot.annotations)
    assert (answers.answers, answers.skips, answers.refused) == (3, 1, 0)
    (record,) = read_rounds(wiring.tables.rounds)
    assert record.decision is not None
    assert record.evaluations["challenger"].accuracy.n == 3
    assert read_models(wiring.tables).champion == ModelId("1", None)
    assert PolicyLog(wiring.tables.policies).entries()[0].policy.version == "band[0.4,0.7]"


def on_the_server_as_then(loop: Loop) -> None:
    """Put the tasks and answers of then on the labelling server, under the ids and times of then."""
    tasks = sorted(loop.state().snapshot.tasks.values(), key=lambda task: task.task_id or 0)
    loop.queue.push([NewTask(task.sample_id, task.plan.purpose, task.plan.batch, "") for task in tasks])
    loop.queue.skip(1, "2", reason="cannot tell")
    for task_id, label in ((2, "spam"), (3, "ham"), (4, "spam")):
        loop.queue.answer(task_id, "1", label)


def test_the_loop_goes_on_in_an_older_workspace(old: Path) -> None:
    """Scoring, answers and gold of today stand beside the rows of then."""
    wiring = open_workspace(old)
    loop = Loop(old, texts(30))
    loop.tables, loop.gold = wiring.tables, GoldStore(wiring.tables.gold)
    loop.task_log = TaskLog(loop.tables)
    before = {record.sample_id: record.label for record in loop.gold.read().records}

    assert loop.score().n_known == 9
    on_the_server_as_then(loop)
    loop.push()
    for task_id in range(5, 1 + len(loop.queue.tasks)):
        loop.queue.answer(task_id, "3", "ham")
    loop.pull()

    after = {record.sample_id: record.label for record in loop.gold.read().records}
    assert after.items() >= before.items()
    assert len(after) > len(before)
    assert conservation(open_tables(wiring.workspace.tables)).n_files == 31


def test_an_upgrade_that_is_killed_is_done_again(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number comes last: a kill at any write before it leaves a workspace that opens."""
    write = workspace_format.write_whole
    for n_writes in range(3):
        n_left = n_writes

        def dying(*arguments: object) -> None:
            nonlocal n_left
            if n_left == 0:
                raise KeyboardInterrupt
            n_left -= 1
            write(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(workspace_format, "write_whole", dying)
        monkeypatch.setattr(workspace_format, "save_identity", dying if n_writes == 2 else None)
        with pytest.raises(KeyboardInterrupt):
            bring_up_to_date(old)
        assert checked_format(old) == 0
        monkeypatch.undo()

    assert Workspace.open(old).settings.name == "old"
    assert "below_share" in (old / "goldloop.toml.format-0").read_text().splitlines()[7]


@pytest.mark.parametrize(("name", "content"), [("goldloop.toml", "labels = ["), ("workspace.json", "{")])
def test_a_damaged_file_is_named_and_stays(old: Path, name: str, content: str) -> None:
    """What is damaged is not upgraded over."""
    (old / name).write_text(content)

    with pytest.raises(SettingsError, match=rf"{name} is (not valid TOML|damaged)"):
        Workspace.open(old)

    assert (old / name).read_text() == content
