"""Altered tasks: answers to data that goldloop did not push do not count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.labeling.altered_tasks import PROBLEM
from tests.loop import Loop
from tests.unit.labeling_loop import always, gold_by_sample, pushed
from tests.unit.test_authorship import audits

OTHER = SampleId("f" * 64)


def review(loop: Loop) -> int:
    """Return the id of a task with a suggestion."""
    return next(task_id for task_id, task in loop.queue.tasks.items() if task.pushed.suggestion)


@pytest.mark.parametrize(
    "change",
    [{"path": "another.png"}, {"sample_id": OTHER}, {"purpose": Purpose.RECHECK}, {"suggestion": None}],
)
def test_answers_to_other_data_do_not_count(tmp_path: Path, change: dict[str, Any]) -> None:
    """Whatever was changed: the picture, the key or the suggestion; the task is named and asked again."""
    loop = pushed(tmp_path)
    task_id = review(loop)
    sample_id = loop.queue.tasks[task_id].pushed.sample_id
    loop.queue.patch(task_id, **change)
    loop.queue.answer(task_id, "1", "ham")

    report = loop.pull()

    assert loop.gold.records() == []
    assert report.problems[0].startswith(f"the answers to task {task_id} (review of sample {sample_id[:12]})")
    assert report.problems[1].endswith(f"task {task_id} by annotator 1: {PROBLEM}")
    assert (report.n_refused, report.n_foreign, loop.pull().n_edited) == (1, 0, 0)
    assert report.follow_ups is not None
    assert report.follow_ups.asked["uncounted"] == 1


def test_a_key_of_another_task_gives_it_no_answers(tmp_path: Path) -> None:
    """A task whose key was changed to that of another one stays the task it was."""
    loop = pushed(tmp_path)
    first, second, *_ = audits(loop)
    loop.queue.patch(first, sample_id=loop.queue.tasks[second].pushed.sample_id)
    loop.queue.answer(first, "1", "ham")
    loop.queue.answer(first, "2", "ham")

    loop.pull()

    assert loop.gold.records() == []
    assert loop.outcomes().answers == []


def test_answers_from_before_the_change_count_and_those_to_other_data_never(tmp_path: Path) -> None:
    """Correcting the data brings the task back, not the answers that were given meanwhile."""
    loop = pushed(tmp_path)
    task_id, *_ = audits(loop)
    task = loop.queue.tasks[task_id].pushed
    loop.queue.answer(task_id, "1", "ham")
    loop.pull()
    loop.queue.patch(task_id, path="another.png")
    loop.queue.answer(task_id, "2", "ham")
    loop.pull()
    assert [answer.annotator for answer in loop.outcomes().answers] == ["1"]

    loop.queue.patch(task_id, path=task.path)
    report = loop.pull()

    assert report.problems == []
    assert [answer.annotator for answer in loop.outcomes().answers] == ["1"]
    loop.work({"2": always("ham"), "3": always("ham")})
    loop.pull()
    assert gold_by_sample(loop)[task.sample_id].annotators == ("1", "3")


def test_the_data_of_a_task_found_on_the_server_is_compared_too(tmp_path: Path) -> None:
    """A push that was killed after its import recorded nothing; the push that takes over does."""
    loop = Loop(tmp_path, {f"mem/{number}": "x" * (number + 1) for number in range(60)})
    loop.score()
    loop.plan()
    loop.queue.break_push_after = 500
    with pytest.raises(Exception, match="lost the connection"):
        loop.push_planned()
    loop.clock.sleep(60)
    assert loop.push_planned(owner="other").n_adopted > 0

    task_id = next(iter(loop.queue.tasks))
    loop.queue.patch(task_id, path="another.png")
    loop.queue.answer(task_id, "1", "ham")

    assert len(loop.pull().problems) == 2
    assert loop.gold.records() == []


def test_a_task_that_the_server_cannot_list_keeps_its_answers(tmp_path: Path) -> None:
    """The pull names it and goes on with the others."""
    loop = pushed(tmp_path)
    first, second, *_ = audits(loop)
    for annotator in ("1", "2"):
        loop.queue.answer(first, annotator, "ham")
    loop.pull()
    before = loop.gold.records()
    for annotator in ("1", "2"):
        loop.queue.answer(second, annotator, "ham")
    loop.queue.tasks[first].is_listed = False
    loop.queue.tasks[first].updated_at = loop.queue.now

    report = loop.pull()

    assert report.problems == [
        f"new answers to task {first}: the labelling server fails when it lists its annotations; "
        "delete the newest of them there, then run 'goldloop pull' again"
    ]
    assert (report.n_retracted, report.n_new) == (0, 2)
    assert len(loop.gold.records()) == len(before) + 1
