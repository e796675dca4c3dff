"""Two pushes at the same moment: one plan, each of its tasks once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.core.planned_tasks import Event
from goldloop.tables.task_log import TaskLog
from tests.e2e.commands import Ended, Loop, finish
from tests.e2e.interrupted import Interruption
from tests.images import write_good

pytestmark = pytest.mark.servers

N_TASKS = 200
SMALL_IMPORTS = Interruption(constants={"goldloop.labeling.context:IMPORT_SIZE": 10})


@pytest.mark.parametrize(
    "point",
    [
        "goldloop.wiring:Wiring.queue",  # neither has looked for the project yet
        "goldloop.tables.task_log:TaskLog.plan",  # both have found nothing planned
        "goldloop.tables.task_log:TaskLog.claim",  # both are about to claim the first import
    ],
)
def test_two_pushes_that_meet_make_each_task_once(
    make_loop: Callable[..., Loop], tmp_path: Path, point: str
) -> None:
    """Two processes reach the same point together: one plan, no task of it doubled or left out."""
    write_good(tmp_path / "pictures", 300)
    name = f"meet-at-{point.rpartition('.')[2]}"
    loop = make_loop(name, labels=["cat", "dog"], selection={"budget_per_round": N_TASKS})
    loop.score_without_model(tmp_path / "pictures")
    place = tmp_path / "meeting"
    place.mkdir()
    plan = replace(SMALL_IMPORTS, point=point, deed="meet", place=str(place))

    both = [finish(one) for one in [loop.start("push", "--json", plan=plan) for _ in range(2)]]

    assert [one.code for one in both] == [0, 0], [one.err for one in both]
    assert len(list(place.iterdir())) == len(both), "the two never met"
    assert sorted(report(one)["n_planned"] for one in both) == [0, N_TASKS]
    assert sum(report(one)["n_pushed"] for one in both) == N_TASKS
    on_server = loop.queue().all_tasks()
    planned = TaskLog(loop.parts.tables).statuses()
    assert loop.doubled() == []
    assert {key: one.task_id for key, one in planned.items()} == {
        key: task_id for task_id, key in on_server.items()
    }
    assert {one.event for one in planned.values()} == {Event.PUSHED}
    assert len(planned) == N_TASKS


def report(ended: Ended) -> dict[str, int]:
    """Return what a push printed."""
    printed: dict[str, int] = json.loads(ended.out)
    return printed
