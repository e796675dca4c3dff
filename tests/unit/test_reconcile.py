"""Reconciling while somebody else is at work: nothing of theirs is taken for lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.samples import BatchId, SampleId
from goldloop.tasks import NewTask, Purpose
from tests.fakes import FakeLabelingQueue
from tests.loop import LABELS, Loop, texts


class WatchedQueue(FakeLabelingQueue):
    """A labelling server during whose long listing, before or after the last page, something happens."""

    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None

    def all_tasks(self) -> dict[int, str]:
        """Return key by task id, as it is between the two."""
        before, after, self.before, self.after = self.before, self.after, None, None
        if before is not None:
            before()
        listed = super().all_tasks()
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
    plans = loop.ledger.plans(list(loop.ledger.statuses()))
    assert len(plans) == loop.selection.budget_per_round
    assert all(plan["lane"] and plan["policy"] for plan in plans.values())
    assert all(one.is_live for one in loop.ledger.statuses().values())
