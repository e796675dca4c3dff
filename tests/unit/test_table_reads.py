"""Table reads: what a pull or a push with nothing new costs does not grow with the samples at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.core.table_ports import Tables
from goldloop.scoring.writer import Model
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.task_log import TaskLog
from tests.loop import Loop, texts

MOST_READS = 8


def reads(tables: Tables) -> list[int]:
    """Return how many rows each read so far has returned, over all tables."""
    return [n for table in tables.named.values() for n in table.reads]  # type: ignore[attr-defined]


def at_rest(folder: Path, n: int) -> Loop:
    """Return a loop over `n` texts in which everything is pushed, answered with both labels and pulled."""
    loop = Loop(folder, texts(n), SelectionSettings(budget_per_round=40, audit_rate=0.2))
    loop.score()
    loop.push()
    loop.answer_all_by_turns()
    loop.pull()
    return loop


def cost(loop: Loop, step: str) -> list[int]:
    """Return the rows of each read of one more `pull` or `push`."""
    before = len(reads(loop.tables))
    for table in loop.tables.named.values():
        table.reads.clear()  # type: ignore[attr-defined]
    del before
    getattr(loop, step)()
    return reads(loop.tables)


@pytest.mark.parametrize("step", ["pull", "push"])
def test_a_step_with_nothing_new_reads_each_table_once_whatever_the_number_of_samples(
    tmp_path: Path, step: str
) -> None:
    """At most eight reads; as many, of as many rows, at 200 and at 20,000 samples."""
    few, many = (cost(at_rest(tmp_path / str(n), n), step) for n in (200, 20_000))

    assert len(few) <= MOST_READS
    assert few == many


def test_a_pull_of_answers_reads_tasks_requests_and_gold_once(tmp_path: Path) -> None:
    """Only the answers are read again, as the pull adds to them; gold that it writes is not read back."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=40, audit_rate=0.2))
    loop.score()
    loop.push()
    loop.queue.answer(1, "1", "ham")
    loop.pull()
    loop.queue.answer(2, "1", "spam")

    cost(loop, "pull")

    tables = loop.tables
    for table in (tables.planned_tasks, tables.task_events, tables.answer_requests, tables.gold):
        assert len(table.reads) == 1  # type: ignore[attr-defined]
    assert len(loop.gold.records()) == 2


def test_a_task_log_decodes_what_was_added_whoever_added_it(tmp_path: Path) -> None:
    """Another process plans and pushes: the log reads the new rows alone, and sees what a new one sees."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=10))
    loop.score()
    loop.push()
    log = TaskLog(loop.tables)
    before = log.statuses()
    loop.answer_all_by_turns()
    loop.pull()
    loop.close_round()
    loop.push(owner="another")
    loop.tables.planned_tasks.reads.clear()  # type: ignore[attr-defined]

    now = log.statuses()

    assert loop.tables.planned_tasks.reads == [len(now) - len(before)]  # type: ignore[attr-defined]
    assert len(now) > len(before) > 0
    assert list(now.items()) == list(TaskLog(loop.tables).statuses().items())


def test_a_round_that_waits_for_its_annotators_reads_no_pool(tmp_path: Path) -> None:
    """The answers cannot train a model, but tasks are open: nothing is planned, so no prediction is read."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=40, audit_rate=0.2))
    loop.score()
    loop.push()
    loop.queue.answer(1, "1", "ham")
    loop.pull()

    assert len(cost(loop, "push")) <= MOST_READS
    assert loop.tables.predictions.reads == []


def test_a_round_that_has_asked_about_every_sample_reads_no_predictions(tmp_path: Path) -> None:
    """The answers cannot train a model, and no sample is left: that takes no prediction to find out."""
    loop = Loop(tmp_path, texts(40), SelectionSettings(budget_per_round=40, audit_rate=0.2))
    loop.score(Model())
    while loop.push().n_pushed:
        loop.answer_all()
        loop.pull()

    cost(loop, "push")

    assert loop.tables.predictions.reads == []
