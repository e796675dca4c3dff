"""A pull believes no clock: answers under a wrong stamp are found, now or by the daily comparison."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from goldloop.adapters.memory import MemoryLabelingServer
from goldloop.labeling.server_comparison import answer_totals, answers_sentence
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.server_checks import read_check
from tests.loop import FakeClock, Loop, texts
from tests.memory_texts import LABELS

N = 30


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop with thirty pushed tasks, whose server and machine have the same time."""
    queue, clock = MemoryLabelingServer(LABELS), FakeClock()
    queue.now = clock.now
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=N), queue=queue, clock=clock)
    loop.score()
    loop.push()
    loop.pull()
    return loop


def pass_time(loop: Loop, span: timedelta) -> None:
    """Let time pass on the server and on the machine."""
    loop.queue.now += span
    loop.clock.now += span


def compared(loop: Loop) -> str:
    """Return what the status says of the answers on the server and those pulled."""
    return answers_sentence(
        answer_totals(loop.state().snapshot), read_check(loop.tables.server_checks), loop.queue.counts()
    )


@pytest.mark.parametrize("skew", [timedelta(minutes=2), timedelta(hours=1), timedelta(days=1)])
@pytest.mark.parametrize("both", [False, True], ids=["the server's clock", "both clocks"])
def test_one_answer_under_a_clock_that_ran_ahead_hides_no_later_answer(
    loop: Loop, skew: timedelta, both: bool
) -> None:
    """The first answer is stamped ahead and pulled; the next 29 and an edit arrive under the right time."""
    first, *others = loop.queue.tasks
    loop.queue.now += skew
    loop.clock.now += skew if both else timedelta()
    one = loop.queue.answer(first, "1", "ham")
    assert loop.pull().n_new == 1
    loop.queue.now -= skew
    loop.clock.now -= skew if both else timedelta()

    for task_id in others:
        loop.queue.answer(task_id, "1", "ham")
        pass_time(loop, timedelta(seconds=20))

    assert loop.pull().n_new == N - 1
    assert len(loop.gold.records()) == N
    loop.queue.edit(one, "spam")
    pass_time(loop, timedelta(minutes=15))
    assert loop.pull().n_edited == 1
    assert sorted(record.label for record in loop.gold.records()) == ["ham"] * (N - 1) + ["spam"]


def test_answers_under_a_clock_that_ran_behind_are_found_by_their_number(loop: Loop) -> None:
    """Ten answers are stamped an hour before the newest one that goldloop has read."""
    first, *others = loop.queue.tasks
    loop.queue.answer(first, "1", "ham")
    pass_time(loop, timedelta(minutes=15))
    loop.pull()
    loop.queue.now -= timedelta(hours=1)
    for task_id in others[:10]:
        loop.queue.answer(task_id, "1", "ham")
    loop.queue.now += timedelta(hours=1)

    assert compared(loop) == "11 on the server, 1 pulled; run 'goldloop pull'"
    assert loop.pull().n_new == 10
    assert compared(loop) == "11 on the server, 11 pulled"


def test_an_edit_under_a_clock_that_ran_behind_is_found_within_a_day(loop: Loop) -> None:
    """The numbers agree and the stamp is old; the daily comparison reads the task again."""
    first, second, *_ = loop.queue.tasks
    pass_time(loop, timedelta(hours=2))
    one = loop.queue.answer(first, "1", "ham")
    loop.queue.answer(second, "1", "ham")
    pass_time(loop, timedelta(hours=2))
    loop.pull()
    loop.queue.now -= timedelta(hours=3)
    loop.queue.edit(one, "spam")
    loop.queue.now += timedelta(hours=3)
    loop.pull()

    pass_time(loop, timedelta(days=1))
    loop.pull()

    assert sorted(record.label for record in loop.gold.records()) == ["ham", "spam"]


def test_nothing_is_listed_while_the_numbers_agree(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full list costs 1 ms a task: once a day, and when the numbers differ; also beside tasks of others."""
    listed: list[int] = []
    real: Callable[..., object] = MemoryLabelingServer.listing

    def counted(self: MemoryLabelingServer) -> object:
        listed.append(1)
        return real(self)

    stranger = loop.queue.tasks[1].pushed
    loop.queue.push([type(stranger)(stranger.sample_id[:9], stranger.purpose, stranger.batch, "")])  # type: ignore[arg-type]
    loop.answer_all()
    loop.pull()
    monkeypatch.setattr(MemoryLabelingServer, "listing", counted)
    for _ in range(4):
        pass_time(loop, timedelta(minutes=15))
        loop.pull()
    loop.push()
    assert not listed

    pass_time(loop, timedelta(days=1))
    loop.pull()
    assert len(listed) == 1
