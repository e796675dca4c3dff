"""Reconciliation during another process's push: none of its tasks counts as lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.adapters.memory import MemoryLabelingServer
from goldloop.core.annotations import ListedTask
from goldloop.core.errors import TasksLostError
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.labeling.server_comparison import answer_totals, answers_sentence
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.server_checks import read_check
from tests.loop import Loop, texts
from tests.memory_texts import LABELS


class WatchedQueue(MemoryLabelingServer):
    """A labelling server during whose long listing, before or after the last page, something happens."""

    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None

    def listing(self) -> list[ListedTask]:
        """Return every task, as it is between the two."""
        before, after, self.before, self.after = self.before, self.after, None, None
        if before is not None:
            before()
        listed = super().listing()
        if after is not None:
            after()
        return listed


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_push_during_the_listing_keeps_its_plan(tmp_path: Path, moment: str) -> None:
    """Tasks planned and pushed while another process lists the server are neither unknown nor gone."""
    queue = WatchedQueue(LABELS)
    loop = Loop(tmp_path, texts(200), queue=queue)
    queue.push([NewTask(SampleId("theirs"), Purpose.SEED, BatchId("theirs"), "theirs.txt")])  # counts differ
    loop.score()
    setattr(queue, moment, loop.push)

    assert loop.reconcile() == (0, 0, 0)
    plans = [task.plan for task in loop.task_log.statuses().values()]
    assert len(plans) == loop.selection.budget_per_round
    assert all(plan.lane and plan.policy for plan in plans)
    assert all(task.is_live for task in loop.task_log.statuses().values())


def test_a_deleted_project_is_an_error_until_the_user_accepts_it(tmp_path: Path) -> None:
    """The loss of most tasks changes neither task log nor gold until the user accepts it."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=40))
    loop.score()
    loop.push()
    loop.answer_all()
    loop.pull()
    loop.queue.delete(list(loop.queue.tasks))

    with pytest.raises(
        TasksLostError, match=r"40 of 40 tasks and 40 of 40 answers are gone .* --accept-lost"
    ):
        loop.pull()
    assert len(loop.gold.records()) == 40
    assert all(task.is_live for task in loop.task_log.statuses().values())

    assert loop.reconcile(accept_lost=True) == (0, 0, 40)
    loop.pull()
    assert loop.gold.records() == []


def test_tasks_that_somebody_replaced_are_found_at_the_next_pull(tmp_path: Path) -> None:
    """Deleted and imported again by hand, so that their number is as before; a pull need not wait a day."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=10))
    loop.score()
    loop.push()
    loop.pull()
    replaced = [loop.queue.tasks[task_id].pushed for task_id in list(loop.queue.tasks)[:6]]
    loop.queue.delete(list(loop.queue.tasks)[:6])
    loop.queue.push(replaced)
    loop.answer_all()

    assert [loop.pull().n_new for _ in range(3)] == [4, 6, 0]
    assert len(loop.gold.records()) == 10


def test_answers_that_went_with_a_replaced_task_are_told(tmp_path: Path) -> None:
    """They stay in gold, and the status names them as gone from the server."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=10))
    loop.score()
    loop.push()
    loop.answer_all()
    loop.pull()
    replaced = [loop.queue.tasks[task_id].pushed for task_id in list(loop.queue.tasks)[:6]]
    loop.queue.delete(list(loop.queue.tasks)[:6])
    loop.queue.push(replaced)
    loop.pull()

    told = answers_sentence(
        answer_totals(loop.state().snapshot), read_check(loop.tables.server_checks), loop.queue.counts()
    )
    assert told == "4 on the server, 10 pulled, 6 that the server no longer holds"
    assert len(loop.gold.records()) == 10
