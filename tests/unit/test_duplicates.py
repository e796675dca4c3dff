"""Doubled tasks and tasks of strangers: one of each remains, nobody's answer is lost, strangers are named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.settings.sections import SelectionSettings
from tests.loop import PATIENT, Loop, texts


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop with twenty pushed tasks that several annotators may answer."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=40), consensus=PATIENT)
    loop.score()
    loop.push()
    return loop


def arrive_late(loop: Loop) -> dict[str, tuple[int, int]]:
    """Import the tasks of the first import once more; return both task ids by key."""
    first = {task.pushed.key: task_id for task_id, task in loop.queue.tasks.items()}
    second = loop.queue.push([task.pushed for task in loop.queue.tasks.values()])
    return {key: (first[key], second[key]) for key in first}


@pytest.mark.parametrize("is_pulled", [False, True], ids=["before a pull", "after a pull"])
def test_an_import_that_arrives_late_loses_nobodys_answer(loop: Loop, is_pulled: bool) -> None:
    """Both copies of six tasks are answered by two people, one of whom answers both: two votes each."""
    firsts = list(loop.queue.tasks)[:6]
    for first in firsts:
        loop.queue.answer(first, "1", "ham")
    if is_pulled:
        loop.pull()
    both = arrive_late(loop)
    for first, second in both.values():
        if first in firsts:
            loop.queue.answer(second, "2", "spam")
            loop.queue.answer(second, "1", "spam")

    report = loop.pull()

    assert report.n_duplicates_removed == len(both)
    assert set(Counter(loop.queue.all_tasks().values()).values()) == {1}
    evidence = loop.state().evidence
    answered = {key.split(":")[0] for key in list(both)[:6]}
    for sample_id in answered:
        votes = evidence[SampleId(sample_id)].votes
        assert {vote.annotator: vote.label for vote in votes} == {"1": "spam", "2": "spam"}
    loop.pull()
    assert sum(len(entry.votes) for entry in loop.state().evidence.values()) == 12


@pytest.mark.parametrize("has_arrived", [False, True])
def test_a_task_with_our_key_that_nobody_planned_is_named_and_left_alone(
    loop: Loop, *, has_arrived: bool
) -> None:
    """Somebody imports it by hand; its answers make no gold, and every round goes on."""
    planned = {task.sample_id for task in loop.task_log.statuses().values()}
    arrived = sorted(set(loop.tables.samples.read()["sample_id"].to_pylist()) - planned)
    sample_id = SampleId(arrived[0] if has_arrived else "f" * 64)
    by_hand = NewTask(sample_id, Purpose.REVIEW, BatchId("by hand"), "by hand.txt")
    (task_id,) = loop.queue.push([by_hand]).values()
    (twin,) = loop.queue.push([by_hand]).values()
    loop.queue.answer(task_id, "1", "ham")

    report = loop.pull()

    assert len(report.strangers) == 2
    assert f"task {task_id} has the key {by_hand.key}" in report.strangers[0]
    assert {task_id, twin} <= loop.queue.tasks.keys()
    assert by_hand.key not in loop.task_log.statuses()
    assert sample_id not in {record.sample_id for record in loop.gold.records()}
    loop.answer_all()
    loop.pull()
    assert sample_id not in {record.sample_id for record in loop.gold.records()}
