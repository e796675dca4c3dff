"""States: the outcomes of a step that follow from those of the step before are those of all answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.consensus.outcomes import Outcomes
from goldloop.core.errors import GoldloopError
from goldloop.core.planned_tasks import Event
from goldloop.labeling.context import LoopState
from goldloop.settings.sections import ConsensusSettings
from goldloop.tables.snapshot import Snapshot
from goldloop.tables.task_log import TaskLog
from tests.loop import Loop
from tests.unit.test_partial_pull import (
    ALL_CHANGES,
    MAJORITY,
    POSTERIOR,
    agree,
    agree_on_several,
    change_mind,
    loop_in,
)
from tests.unit.test_rest import answer, disagree, plan_more

Change = Callable[[Loop], None]
STEP = timedelta(minutes=1)
HISTORY: tuple[Change, ...] = (
    agree,
    answer,
    disagree,
    change_mind,
    agree_on_several,
    disagree,
    disagree,
    change_mind,
)


def moves_of(loop: Loop, history: Sequence[Change]) -> list[int]:
    """Let changes happen with pulls and a push, and return how many samples each moved state has changed.

    Every state that moved on from the one before is compared with one that was derived from all answers.
    """
    moved_on, n_changed = LoopState._moved_on, list[int]()

    def compared(state: LoopState, before: Snapshot, earlier: Outcomes) -> Outcomes | None:
        moved = moved_on(state, before, earlier)
        if moved is not None:
            whole = replace(state, earlier=None)
            assert moved.samples == whole.outcomes.samples
            assert moved.answers == whole.outcomes.answers
            assert moved.unasked == whole.outcomes.unasked
            assert moved.fit.expected_gain().tolist() == whole.outcomes.fit.expected_gain().tolist()
            changed = state.snapshot.changed_since(before)
            n_changed.append(len(changed or ()))
        return moved

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoopState, "_moved_on", compared)
        for change in history:
            loop.queue.now += STEP
            with suppress(StopIteration, GoldloopError):
                change(loop)
                loop.pull()
        with suppress(GoldloopError):
            loop.push()
    return n_changed


@pytest.mark.parametrize("consensus", [MAJORITY, POSTERIOR])
def test_requests_and_adjudications_move_the_outcomes_of_their_samples_alone(
    tmp_path: Path, consensus: ConsensusSettings
) -> None:
    """Steps after the answers are in derive some samples again, and never all."""
    loop = loop_in(tmp_path, consensus, keeps=False)

    n_changed = moves_of(loop, HISTORY)

    assert sum(n > 0 for n in n_changed) >= 3
    assert max(n_changed) < len(loop.queue.tasks) / 2


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([MAJORITY, POSTERIOR]), st.lists(st.sampled_from(ALL_CHANGES), max_size=6))
def test_outcomes_moved_on_are_those_of_all_answers(
    consensus: ConsensusSettings, history: list[Change]
) -> None:
    """Whatever happens on the server, no state that moved on differs from one of all answers."""
    with TemporaryDirectory() as folder:
        moves_of(loop_in(Path(folder), consensus, keeps=False), history)


def test_an_event_that_is_read_before_its_plan_counts_once_the_plan_is_read(tmp_path: Path) -> None:
    """Another process plans and pushes a task between the two reads of a task log."""
    loop = loop_in(tmp_path, MAJORITY, keeps=False)
    log, whole = TaskLog(loop.tables), TaskLog(loop.tables)
    key = next(iter(whole.statuses()))
    log._happened()
    log._statuses.add([], log._events.events)  # the events are known, and no plan yet

    statuses = log.statuses()

    assert statuses[key].event is Event.PUSHED
    assert statuses == whole.statuses()


def test_a_task_log_reads_on_from_where_it_was(tmp_path: Path) -> None:
    """The statuses after every step are those of a log that reads all at once."""
    loop = loop_in(tmp_path, POSTERIOR, keeps=False)
    log = TaskLog(loop.tables)
    for change in (disagree, disagree, change_mind, agree):
        before = log.statuses()
        earlier = dict(before)
        loop.queue.now += STEP
        change(loop)
        loop.pull()
        plan_more(loop)

        assert list(log.statuses().items()) == list(TaskLog(loop.tables).statuses().items())
        assert before == earlier
