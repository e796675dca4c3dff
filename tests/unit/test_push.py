"""Pushing: one live task per sample and purpose, whatever breaks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from goldloop.core.errors import ServiceUnreachableError
from goldloop.core.planned_tasks import Event
from goldloop.core.tasks import Purpose
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.task_log import TaskLog
from tests.loop import Loop, killed_before_commit, texts


def keys_on_server(loop: Loop) -> Counter[str]:
    """Count tasks by key."""
    return Counter(loop.queue.all_tasks().values())


def test_push_fills_the_rounds_budget_once(tmp_path: Path) -> None:
    """A second push in the same round adds nothing; audit tasks are blind, review tasks have a suggestion."""
    loop = Loop(tmp_path, texts(200))
    loop.score()

    first, second = loop.push(), loop.push()

    assert (first.n_pushed, second.n_pushed) == (20, 0)
    assert first.purposes == {"audit": 8, "review": 12}
    for task in loop.queue.tasks.values():
        assert (task.pushed.suggestion is None) == (task.pushed.purpose is Purpose.AUDIT)


def test_overlap_shares_the_budget(tmp_path: Path) -> None:
    """With two answers to each task, 20 answers are 10 tasks."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=20, overlap=2))
    loop.score()
    assert loop.push().n_pushed == 10


def test_a_push_whose_plan_came_second_pushes_the_first_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another push plans after this one has read the tables, and ends before it has pushed anything."""
    loop = Loop(tmp_path, texts(200))
    loop.score()
    real = TaskLog.plan

    def overtaken(self: TaskLog, *args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(TaskLog, "plan", real)
        assert loop.plan() == 20
        return self.plan(*args, **kwargs)

    monkeypatch.setattr(TaskLog, "plan", overtaken)
    report = loop.push()

    assert (report.n_planned, report.n_pushed) == (0, 20)


@pytest.mark.parametrize("n_taken", [0, 1, 7, 12])
def test_a_connection_lost_in_mid_import_makes_no_duplicates(tmp_path: Path, n_taken: int) -> None:
    """The server may have created any part of the import; the next push continues from there."""
    whole = Loop(tmp_path / "whole", texts(200))
    whole.score()
    whole.push()
    loop = Loop(tmp_path / "broken", texts(200))
    loop.score()
    loop.queue.break_push_after = n_taken

    with pytest.raises(ServiceUnreachableError):
        loop.push()
    loop.push()

    assert keys_on_server(loop) == keys_on_server(whole)


@pytest.mark.parametrize("n_commits", range(6))
def test_a_push_killed_before_any_commit_continues(tmp_path: Path, n_commits: int) -> None:
    """After a kill before any commit of the task log, a repeated push creates each task once."""
    whole = Loop(tmp_path / "whole", texts(200))
    whole.score()
    whole.push(import_size=8)
    loop = Loop(tmp_path / "killed", texts(200))
    loop.score()

    with killed_before_commit("append_next", n_commits):
        loop.push(import_size=8)
    loop.push(import_size=8)

    assert keys_on_server(loop) == keys_on_server(whole)
    assert set(keys_on_server(loop).values()) == {1}


def test_a_second_machine_waits_for_the_claims_of_the_first(tmp_path: Path) -> None:
    """A push does not import tasks with a fresh claim of another push."""
    loop = Loop(tmp_path, texts(200))
    loop.score()
    loop.plan()
    keys = list(loop.task_log.statuses())
    loop.context("other").task_log.claim(lambda statuses: keys[:5])
    before = loop.clock.now

    loop.push(owner="me")

    assert (loop.clock.now - before).total_seconds() > 30
    assert set(keys_on_server(loop).values()) == {1}
    assert all(task.event is Event.PUSHED for task in loop.task_log.statuses().values())


def test_a_lost_ledger_is_rebuilt_from_the_server(tmp_path: Path) -> None:
    """With an empty tasks table, the push adopts the server's tasks and creates none twice."""
    loop = Loop(tmp_path / "one", texts(200))
    loop.score()
    loop.push()
    asked = keys_on_server(loop)
    fresh = Loop(tmp_path / "two", texts(200), queue=loop.queue)
    fresh.score()

    fresh.push()

    counts = keys_on_server(fresh)
    assert set(counts.values()) == {1}
    assert asked.keys() <= counts.keys()
    assert not {key.split(":")[0] for key in asked} & {
        key.split(":")[0] for key in counts.keys() - asked.keys()
    }


def test_a_doubled_task_is_removed_and_an_answered_one_kept(tmp_path: Path) -> None:
    """Of two tasks with one key the earlier stays, unless only the later was answered."""
    loop = Loop(tmp_path, texts(200))
    loop.score()
    loop.push()
    first, second = list(loop.queue.tasks.values())[:2]
    loop.queue.push([first.pushed, second.pushed])
    newest = max(loop.queue.tasks)
    loop.queue.answer(newest, "1", "ham")

    assert loop.reconcile()[1] == 2

    assert set(keys_on_server(loop).values()) == {1}
    assert newest in loop.queue.tasks
    assert loop.task_log.statuses()[second.pushed.key].task_id == newest


def test_a_sample_whose_bytes_changed_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Annotators only see files whose bytes are those that were scored."""
    loop = Loop(tmp_path, texts(200))
    loop.score()
    loop.plan()
    victim = next(iter(loop.task_log.statuses())).split(":")[0]
    uri = next(row["uri"] for row in loop.tables.samples.read().to_pylist() if row["sample_id"] == victim)
    loop.texts[uri] = "something else"

    report = loop.push()

    assert report.n_pushed == 19
    assert len(report.lost) == 1
    assert victim in report.lost[0]
