"""The real server under a wrong clock, restored from a backup, emptied by a menu entry: goldloop notices."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.labeling.kept_content import keep_samples
from goldloop.labeling.sealed_plans import new_task
from goldloop.settings.workspace import Workspace
from goldloop.tables.task_log import TaskLog
from tests.e2e.commands import Loop
from tests.e2e.interrupted import Interruption
from tests.e2e.people import answer_all
from tests.e2e.person import Person
from tests.images import write_good

pytestmark = pytest.mark.servers

N_TASKS = 20
QUICK = Interruption(constants={"goldloop.labeling.context:LEASE_S": 3.0})


@pytest.fixture
def make_pushed(make_loop: Callable[..., Loop], tmp_path: Path) -> Callable[[str], Loop]:
    """Return a function from a name to a workspace with twenty pushed tasks."""

    def make(name: str) -> Loop:
        write_good(tmp_path / "pictures", 40)
        loop = make_loop(name, labels=["cat", "dog"], selection={"budget_per_round": N_TASKS})
        loop.score_without_model(tmp_path / "pictures")
        loop.run("push")
        return loop

    return make


@pytest.fixture
def database(services_workspace: Workspace) -> Path:
    """Return the database of the running Label Studio."""
    (found,) = services_workspace.root.glob("services/**/label_studio.sqlite3")
    return found


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to the database of the running server; commit at the end."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        yield connection
        connection.commit()


def say_all(loop: Loop, label: str, n: int | None = None) -> None:
    """Answer the first `n` open tasks."""
    answer_all(loop.servers.label_studio, loop.queue(), lambda _: label, n=n)


def labels(loop: Loop) -> Counter[str]:
    """Count the gold labels."""
    return Counter(record.label for record in loop.parts.gold.records())


def act(loop: Loop, action: str) -> None:
    """Run a menu entry of the task list on all tasks of the main project."""
    server, project = loop.servers.label_studio, loop.queue().projects.main
    chosen = {"selectedItems": {"all": True, "excluded": []}, "filters": {"conjunction": "and", "items": []}}
    headers = {"Authorization": f"Token {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
        address = f"/api/dm/actions?id={action}&project={project}"
        client.post(address, json=chosen).raise_for_status()


def test_one_answer_stamped_a_day_ahead_hides_no_later_answer(
    make_pushed: Callable[[str], Loop], database: Path
) -> None:
    """The next nineteen answers, and an answer that is stamped an hour behind, are pulled."""
    loop = make_pushed("clock-ahead")
    say_all(loop, "cat", 1)
    ids = sorted(loop.queue().all_tasks())
    ahead = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with opened(database) as connection:
        connection.execute("UPDATE task SET updated_at = ? WHERE id = ?", (ahead, ids[0]))
    loop.run("pull")
    assert "1 on the server, 1 pulled" in loop.run("status").out

    say_all(loop, "cat", N_TASKS - 2)
    assert f"{N_TASKS - 1} on the server, 1 pulled" in loop.run("status").out
    loop.run("pull")
    assert labels(loop) == {"cat": N_TASKS - 1}

    say_all(loop, "dog")
    behind = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with opened(database) as connection:
        connection.execute("UPDATE task SET updated_at = ? WHERE id = ?", (behind, ids[-1]))
    loop.run("pull")
    assert labels(loop) == {"cat": N_TASKS - 1, "dog": 1}


def test_delete_annotations_on_all_tasks_empties_nothing(make_pushed: Callable[[str], Loop]) -> None:
    """The pull asks, each time; an annotator who deletes one own answer is not asked about."""
    loop = make_pushed("delete-annotations")
    say_all(loop, "cat", N_TASKS - 1)
    ana = Person.hired(loop.servers.label_studio, "ana@trust.example")
    (last,) = loop.queue().all_tasks().keys() - loop.queue().answered(list(loop.queue().all_tasks()))
    own = ana.answer(last, "dog")
    loop.run("pull")
    ana.delete(own)
    loop.run("pull")
    assert labels(loop) == {"cat": N_TASKS - 1}

    act(loop, "delete_tasks_annotations")

    for _ in range(2):
        said = loop.run("pull", code=1).err
        assert f"20 of {N_TASKS} answers are gone from the labelling server" in said
        assert "--keep-lost" in said
        assert "--accept-lost" in said
    assert labels(loop) == {"cat": N_TASKS - 1}
    loop.run("pull", "--accept-lost")
    assert labels(loop) == {}


def test_a_small_project_deleted_keeps_its_labels_and_gets_open_tasks_again(
    make_pushed: Callable[[str], Loop],
) -> None:
    """All tasks are deleted in the menu; with --keep-lost twelve labels stay and eight tasks return."""
    loop = make_pushed("delete-tasks")
    say_all(loop, "cat", 12)
    loop.run("pull")
    act(loop, "delete_tasks")

    assert "20 of 20 tasks and 12 of 12 answers are gone" in loop.run("pull", code=1).err
    assert "20 of 20 tasks and 12 of 12 answers are gone" in loop.run("push", code=1).err
    loop.run("pull", "--keep-lost")

    assert labels(loop) == {"cat": 12}
    assert len(loop.queue().all_tasks()) == 8
    say_all(loop, "dog")
    loop.run("pull")
    assert labels(loop) == {"cat": 12, "dog": 8}


def test_losses_sum_up_over_four_pulls(make_pushed: Callable[[str], Loop]) -> None:
    """Before each pull half of the tasks that are left are deleted: gold keeps what it had, and pulls ask."""
    loop = make_pushed("halves")
    say_all(loop, "cat")
    loop.run("pull")

    for _ in range(4):
        left = sorted(loop.queue().all_tasks())
        loop.queue().delete(left[: round(0.49 * len(left))])
        assert "answers are gone from the labelling server" in loop.run("pull", code=1).err

    assert labels(loop) == {"cat": N_TASKS}


def test_tasks_exported_deleted_and_imported_again_are_pulled(make_pushed: Callable[[str], Loop]) -> None:
    """They get new ids, and their number is as before; the answers on them count once."""
    loop = make_pushed("replaced")
    loop.run("pull")
    server, project = loop.servers.label_studio, loop.queue().projects.main
    chosen = sorted(loop.queue().all_tasks())[:6]
    headers = {"Authorization": f"Token {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
        exported = [client.get(f"/api/tasks/{task_id}/").json() for task_id in chosen]
        for task_id in chosen:
            client.delete(f"/api/tasks/{task_id}/").raise_for_status()
        bodies = [{name: task[name] for name in ("data", "predictions")} for task in exported]
        client.post(f"/api/projects/{project}/import", json=bodies).raise_for_status()
    say_all(loop, "dog")

    pulled = [loop.json("pull")["n_new"] for _ in range(3)]

    assert sum(pulled) == N_TASKS
    assert labels(loop) == {"dog": N_TASKS}
    assert loop.doubled() == []


def test_a_restored_backup_stops_the_pull_and_overwrites_nothing(
    make_pushed: Callable[[str], Loop], database: Path, tmp_path: Path
) -> None:
    """Ten answers are newer than the backup; four others get their ids again."""
    loop = make_pushed("restored")
    say_all(loop, "cat", 6)
    with opened(database) as connection, closing(sqlite3.connect(tmp_path / "backup")) as backup:
        connection.backup(backup)
    say_all(loop, "cat", 10)
    loop.run("pull")
    before = {row.annotation_id for row in loop.parts.read_state().snapshot.annotations}
    with opened(database) as connection, closing(sqlite3.connect(tmp_path / "backup")) as backup:
        backup.backup(connection)

    said = loop.run("pull", code=1).err
    assert "10 of 16 answers are gone" in said
    assert "restored from a backup" in said
    open_tasks = sorted(loop.queue().all_tasks())[-4:]
    ben = Person.hired(loop.servers.label_studio, "ben@trust.example")
    again = {ben.answer(task_id, "dog") for task_id in open_tasks}
    assert again & before, "the server gave no id twice"
    assert "10 of 20 answers are gone" in loop.run("pull", code=1).err
    assert labels(loop) == {"cat": 16}

    loop.run("pull", "--keep-lost")

    assert labels(loop) == {"cat": 16, "dog": 4}


def test_an_import_that_arrives_late_is_told_and_loses_nobodys_answer(
    make_pushed: Callable[[str], Loop],
) -> None:
    """Six tasks are answered on both copies: one copy of each remains, and both people have their vote."""
    loop = make_pushed("late-import")
    queue, firsts = loop.queue(), sorted(loop.queue().all_tasks())
    plans = {task.task_id: task.plan for task in TaskLog(loop.parts.tables).statuses().values()}
    kept = [plans[task_id] for task_id in firsts]
    store = loop.parts.modality.store
    paths = keep_samples(loop.parts.tables, store, [plan.sample_id for plan in kept]).paths
    again = queue.push([new_task(plan, paths[plan.sample_id], loop.parts.ports.seal) for plan in kept])
    ana = Person.hired(loop.servers.label_studio, "ana@trust.example")
    ben = Person.hired(loop.servers.label_studio, "ben@trust.example")
    for task_id in firsts[:6]:
        ana.answer(task_id, "cat")
        ben.answer(again[plans[task_id].key], "cat")

    report = loop.json("pull")

    assert report["n_duplicates_removed"] == N_TASKS
    assert loop.doubled() == []
    votes = Counter(len(entry.votes) for entry in loop.parts.read_state().evidence.values())
    assert votes == {2: 6, 0: N_TASKS - 6}
    loop.run("pull")
    assert Counter(len(entry.votes) for entry in loop.parts.read_state().evidence.values()) == votes


def test_a_task_imported_by_hand_is_named_and_makes_no_gold(make_pushed: Callable[[str], Loop]) -> None:
    """It carries a key as goldloop makes them, for a sample that never arrived."""
    loop = make_pushed("by-hand")
    by_hand = NewTask(SampleId("f" * 64), Purpose.AUDIT, BatchId("by hand"), "x.png")
    (task_id,) = loop.queue().push([by_hand]).values()
    say_all(loop, "cat")

    ended = loop.run("pull")

    assert f"left alone: task {task_id} has the key {by_hand.key}" in ended.err
    assert task_id in loop.queue().all_tasks()
    assert labels(loop) == {"cat": N_TASKS}


def test_claims_from_the_future_are_waited_for_once_and_named(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """A push died under a clock one hour ahead; the next one waits as long as a lease and says for what."""
    write_good(tmp_path / "pictures", 40)
    loop = make_loop("future-claims", labels=["cat", "dog"], selection={"budget_per_round": N_TASKS})
    loop.score_without_model(tmp_path / "pictures")
    point = "goldloop.adapters.label_studio.queue:LabelStudioQueue.push"
    loop.run("push", plan=replace(QUICK, point=point), code=-9)
    tables = loop.parts.tables
    claimed = list(TaskLog(tables).statuses())
    future = TaskLog(tables, "desk:1", lambda: datetime.now(UTC) + timedelta(hours=1))
    future.claim(lambda statuses: claimed)

    ended = loop.run("push", plan=QUICK)

    assert ended.err.count(f"waiting for {N_TASKS} tasks that another process pushes now (desk:1)") == 1
    assert loop.doubled() == []
    assert len(loop.queue().all_tasks()) == N_TASKS
