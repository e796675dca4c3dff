"""Claims of other processes: a push waits for them as long as a lease, whatever the clocks say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from goldloop.core.planned_tasks import Event, PlannedTask
from goldloop.core.tasks import NewTask
from goldloop.labeling.context import LEASE_S
from goldloop.labeling.push import push_planned
from goldloop.tables import codec
from goldloop.tables.task_log import TaskEvent
from tests.loop import Loop, texts


@pytest.mark.parametrize("skew", [timedelta(hours=1), timedelta(days=365), -timedelta(hours=1), timedelta()])
def test_a_push_waits_one_lease_for_a_claim_under_any_clock(tmp_path: Path, skew: timedelta) -> None:
    """A process with a wrong clock claims five tasks and dies; the next push says once what it waits for."""
    loop = Loop(tmp_path, texts(200))
    loop.score()
    loop.plan()
    keys = list(loop.task_log.statuses())
    loop.clock.now += skew
    loop.context("desk:17").task_log.claim(lambda statuses: keys[:5])
    loop.clock.now -= skew
    slept: list[float] = []
    said: list[str] = []

    push_planned(replace(loop.context(), sleep=slept.append, say=said.append))

    assert LEASE_S <= sum(slept) <= LEASE_S + 2
    (sentence,) = said
    assert "waiting for 5 tasks" in sentence
    assert "desk:17" in sentence
    assert set(Counter(loop.queue.all_tasks().values()).values()) == {1}
    assert len(loop.queue.tasks) == len(keys)


def test_a_live_claim_under_a_slow_clock_is_left_to_its_owner(tmp_path: Path) -> None:
    """The owner, whose clock is an hour slow, ends its import while another push waits for it."""
    loop = Loop(tmp_path, texts(200))
    loop.score()
    loop.plan()
    other = loop.context("slow")
    keys = list(loop.task_log.statuses())
    loop.clock.now -= timedelta(hours=1)
    other.task_log.claim(lambda statuses: keys)
    loop.clock.now += timedelta(hours=1)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:  # the slow import ends
            statuses = loop.task_log.statuses()
            plans = [statuses[key].plan for key in keys]
            made = loop.queue.push([NewTask(plan.sample_id, plan.purpose, plan.batch, "") for plan in plans])
            other.task_log.record(Event.PUSHED, made, statuses)

    push_planned(replace(loop.context(), sleep=sleep))

    assert len(slept) == 3
    assert set(Counter(loop.queue.all_tasks().values()).values()) == {1}


def test_statuses_show_what_another_process_has_planned_since(tmp_path: Path) -> None:
    """A task log keeps the plans that it has read only until some are added."""
    loop = Loop(tmp_path, texts(200))
    loop.score()
    log = loop.context("other").task_log
    assert log.statuses() == {}

    loop.plan()

    assert log.statuses() == loop.task_log.statuses() != {}


@pytest.mark.parametrize(("import_size", "first"), [(8, [4, 8]), (1, [1, 1])])
def test_an_idle_push_begins_with_half_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, import_size: int, first: list[int]
) -> None:
    """So the server has work early; the later imports are whole, and every task is created once."""
    loop = Loop(tmp_path, texts(200))
    loop.score()
    loop.plan()
    n_planned = len(loop.task_log.statuses())
    sizes: list[int] = []
    push = loop.queue.push

    def counted(tasks: Sequence[NewTask]) -> dict[str, int]:
        sizes.append(len(tasks))
        return push(tasks)

    monkeypatch.setattr(loop.queue, "push", counted)
    loop.push_planned(import_size=import_size)

    assert sizes[:2] == first
    assert sum(sizes) == n_planned == len(loop.queue.tasks)


def test_a_push_decodes_its_plans_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many imports it has, and before the reconciliation after it."""
    loop = Loop(tmp_path, texts(60))
    loop.score()
    loop.plan()
    context, decoded = loop.context(import_size=8), []
    values_of = codec.values_of

    def counted(kind: type[Any], rows: pa.Table) -> list[Any]:
        decoded.append(kind)
        return values_of(kind, rows)

    monkeypatch.setattr(codec, "values_of", counted)
    push_planned(context)
    context.read_state()

    assert decoded.count(TaskEvent) > 3  # claims and a state, each with fresh events
    assert decoded.count(PlannedTask) == 1
