"""Losses on the server: a few are ordinary, more need the user's decision, and nothing is overwritten."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from goldloop.core.errors import TasksLostError
from goldloop.core.planned_tasks import Event
from goldloop.settings.sections import SelectionSettings
from tests.loop import PATIENT, Loop, texts

ASKS = r"gone from the labelling server .* --keep-lost.* --accept-lost"


def answered(tmp_path: Path, n: int = 20) -> Loop:
    """Return a loop with `n` gold labels of both kinds, by one answer each."""
    loop = Loop(tmp_path, texts(400), SelectionSettings(budget_per_round=n))
    loop.score()
    loop.push()
    loop.answer_all_by_turns()
    loop.pull()
    assert len(loop.gold.records()) == n
    return loop


def retract(loop: Loop, n: int) -> None:
    """Delete the answers of the first `n` tasks that have one."""
    tasks = [task for task in loop.queue.tasks.values() if task.answers]
    for task in tasks[:n]:
        loop.queue.retract(next(iter(task.answers)))


def test_a_small_project_deleted_is_asked_about(tmp_path: Path) -> None:
    """Twenty tasks are few, but all of them are gone; every pull asks until the user decides."""
    loop = answered(tmp_path)
    loop.queue.delete(list(loop.queue.tasks))

    for _ in range(2):
        with pytest.raises(TasksLostError, match=f"20 of 20 tasks and 20 of 20 answers are {ASKS}"):
            loop.pull()
    with pytest.raises(TasksLostError, match=ASKS):
        loop.push()
    assert len(loop.gold.records()) == 20


def test_the_question_names_whose_answers_are_gone(tmp_path: Path) -> None:
    """One annotator who takes answers back is told from a server that was restored."""
    loop = answered(tmp_path)
    retract(loop, 5)

    with pytest.raises(TasksLostError, match=r"The answers are 5 of annotator \w+\. Restore"):
        loop.pull()


def test_losses_sum_up_over_pulls(tmp_path: Path) -> None:
    """Half of the rest before each of four pulls, or two tasks before each pull: gold loses three at most."""
    for name, share in (("halves", 0.49), ("pairs", 0.1)):
        loop = answered(tmp_path / name, n=80 if name == "halves" else 20)
        before = len(loop.gold.records())
        asked = 0
        for _ in range(4):
            ids = list(loop.queue.tasks)
            loop.queue.delete(ids[: round(share * len(ids))])
            try:
                loop.pull()
            except TasksLostError:
                asked += 1
        assert asked >= 3
        assert len(loop.gold.records()) >= before - 3


def test_one_or_two_deleted_answers_are_ordinary(tmp_path: Path) -> None:
    """Two answers leave gold; who answers again has lost none, however often."""
    loop = answered(tmp_path)
    retract(loop, 2)
    assert loop.pull().n_retracted == 2
    assert len(loop.gold.records()) == 18
    for _ in range(4):
        loop.answer_all("spam")
        loop.pull()
        retract(loop, 2)
        loop.pull()


@pytest.mark.parametrize("is_noisy", [False, True], ids=["quiet", "beside new answers"])
def test_deleting_all_annotations_is_asked_about(tmp_path: Path, is_noisy: bool) -> None:
    """The menu entry "Delete Annotations" on all tasks empties nothing, and every pull asks."""
    loop = answered(tmp_path)
    retract(loop, 20)
    if is_noisy:
        for task_id in list(loop.queue.tasks)[:5]:
            loop.queue.answer(task_id, "2", "spam")

    for _ in range(3):
        with pytest.raises(TasksLostError, match=f"20 of 2[05] answers are {ASKS}"):
            loop.pull()
    assert len(loop.gold.records()) == 20


def test_accepted_losses_leave_gold_and_are_not_counted_again(tmp_path: Path) -> None:
    """After --accept-lost the sum begins at nought."""
    loop = answered(tmp_path)
    retract(loop, 10)
    with pytest.raises(TasksLostError):
        loop.pull()

    loop.pull(accept_lost=True)

    assert len(loop.gold.records()) == 10
    retract(loop, 2)
    loop.pull()
    assert len(loop.gold.records()) == 8


def test_kept_answers_stay_in_gold_and_are_not_asked_about_again(tmp_path: Path) -> None:
    """After --keep-lost the answers count on, although the server has forgotten them."""
    loop = answered(tmp_path)
    retract(loop, 10)
    with pytest.raises(TasksLostError):
        loop.pull()
    digest = loop.gold.newest().digest

    loop.pull(keep_lost=True)
    loop.clock.now += timedelta(days=2)
    loop.pull()

    assert loop.gold.newest().digest == digest
    assert loop.queue.next_for("1") is None, "asked again"
    assert loop.queue.next_for("2") is None, "asked again"
    assert loop.push().n_pushed == 0


def test_a_lost_server_keeps_its_answers_and_gets_open_tasks_again(tmp_path: Path) -> None:
    """The database is lost when twelve of twenty tasks have answers: these stay, eight tasks return."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=20))
    empty = loop.queue.backup()
    loop.score()
    loop.push()
    for task_id in list(loop.queue.tasks)[:12]:
        loop.queue.answer(task_id, "1", "ham")
    loop.pull()
    digest = loop.gold.newest().digest
    loop.queue.restore(empty)
    with pytest.raises(TasksLostError, match="20 of 20 tasks and 12 of 12 answers"):
        loop.pull()

    loop.pull(keep_lost=True)

    assert loop.gold.newest().digest == digest
    assert len(loop.queue.tasks) == 8
    events = [task.event for task in loop.task_log.statuses().values()]
    assert (events.count(Event.KEPT), events.count(Event.PUSHED)) == (12, 8)
    loop.answer_all("spam", annotator="2")  # these answers repeat the ids of the first
    loop.pull()
    assert sorted(record.label for record in loop.gold.records()) == ["ham"] * 12 + ["spam"] * 8
    assert loop.push().n_pushed == 0


def test_tasks_that_return_under_their_old_ids_are_asked_of_as_many_people(tmp_path: Path) -> None:
    """Audit tasks want two answers; a new server repeats their ids and knows of no second answer."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=20), consensus=PATIENT)
    empty = loop.queue.backup()
    loop.score()
    loop.push()
    wanted = {task.pushed.key: task.n_asked for task in loop.queue.tasks.values()}
    assert 2 in wanted.values()
    loop.queue.restore(empty)

    loop.pull(keep_lost=True)

    assert {task.pushed.key: task.n_asked for task in loop.queue.tasks.values()} == wanted


@pytest.mark.parametrize("n_new", [0, 5, 20])
def test_a_restored_server_stops_and_overwrites_nothing(tmp_path: Path, n_new: int) -> None:
    """A backup with 60 of 80 answers, and new ones that repeat ids: the pull names the facts."""
    loop = Loop(tmp_path, texts(400), SelectionSettings(budget_per_round=100))
    loop.queue.now = loop.clock.now
    loop.score()
    loop.push()
    ids = list(loop.queue.tasks)
    for task_id in ids[:60]:
        loop.queue.answer(task_id, "1", "ham")
    backup = loop.queue.backup()
    for task_id in ids[60:80]:
        loop.queue.answer(task_id, "1", "ham")
    loop.clock.now = loop.queue.now
    loop.pull()
    loop.queue.restore(backup)
    loop.queue.now += timedelta(days=7)
    loop.clock.now += timedelta(days=7)
    for task_id in ids[80 : 80 + n_new]:
        loop.queue.answer(task_id, "2", "spam")

    with pytest.raises(TasksLostError, match=f"20 of {80 + n_new} answers are {ASKS}") as stopped:
        loop.pull()
    assert "restored from a backup" in str(stopped.value)
    assert len(loop.gold.records()) == 80

    loop.pull(keep_lost=True)

    labels = [record.label for record in loop.gold.records()]
    assert (labels.count("ham"), labels.count("spam")) == (80, n_new)


@pytest.mark.parametrize("n_new", [0, 2])
def test_a_backup_of_this_morning_stops_even_for_two_answers(tmp_path: Path, n_new: int) -> None:
    """Two answers are older on the server, or their ids were given again while the numbers agree."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=20))
    loop.score()
    loop.push()
    first, second, third, fourth, *others = loop.queue.tasks
    for task_id in others:
        loop.queue.answer(task_id, "1", "ham")
    backup = loop.queue.backup()
    for task_id in (first, second):
        loop.queue.answer(task_id, "1", "ham")
    loop.pull()
    loop.queue.restore(backup)
    for task_id in (third, fourth)[:n_new]:
        loop.queue.answer(task_id, "2", "spam")

    for _ in range(2):
        with pytest.raises(TasksLostError, match=f"2 of {18 + n_new} answers are {ASKS}"):
            loop.pull()
    assert len(loop.gold.records()) == 18


def test_an_older_state_of_many_answers_is_asked_about(tmp_path: Path) -> None:
    """A backup from before ten corrections has all answers, but older ones."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=20))
    loop.score()
    loop.push()
    loop.answer_all()
    backup = loop.queue.backup()
    for task in list(loop.queue.tasks.values())[:10]:
        loop.queue.edit(next(iter(task.answers)), "spam")
    loop.pull()
    loop.queue.restore(backup)

    for _ in range(2):
        with pytest.raises(TasksLostError, match=f"10 of 20 answers are {ASKS}"):
            loop.pull()
    loop.pull(keep_lost=True)
    loop.pull()

    labels = [record.label for record in loop.gold.records()]
    assert (labels.count("ham"), labels.count("spam")) == (10, 10)
