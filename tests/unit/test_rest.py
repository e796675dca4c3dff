"""Rest: a pull after one that changed nothing reads no table, and misses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldloop.adapters.derived_file import DerivedFile
from goldloop.core.errors import GoldloopError
from goldloop.core.ports import NothingKept
from goldloop.labeling.pull import PullReport
from goldloop.settings.moderation import ModerationSettings
from goldloop.settings.sections import SelectionSettings
from tests.loop import PATIENT, Loop, texts


def at_rest(folder: Path) -> Loop:
    """Return a loop with pushed tasks, of which the half is answered, after a pull that changed nothing."""
    selection = SelectionSettings(budget_per_round=12, audit_rate=0.3)
    loop = Loop(folder, texts(60), selection, consensus=PATIENT, rest=DerivedFile(folder / "pull.json"))
    loop.score()
    loop.push()
    loop.queue.now += timedelta(minutes=10)  # the last minute, which a pull reads again, holds answers alone
    for task_id in list(loop.queue.tasks)[::2]:
        loop.queue.answer(task_id, "1", "ham")
    for _ in range(3):
        loop.pull()
    return loop


def reads_of_pull(loop: Loop) -> list[int]:
    """Return the rows of each read of one more pull."""
    for table in loop.tables.named.values():
        table.reads.clear()  # type: ignore[attr-defined]
    loop.pull()
    return [n for table in loop.tables.named.values() for n in table.reads]  # type: ignore[attr-defined]


def first(loop: Loop, *, is_answered: bool) -> int:
    """Return the first task with, or without, an answer."""
    return next(key for key, task in loop.queue.tasks.items() if bool(task.answers) == is_answered)


def answer(loop: Loop) -> None:
    """Give a first answer."""
    loop.queue.answer(first(loop, is_answered=False), "1", "spam")


def disagree(loop: Loop) -> None:
    """Give another answer to an answered task."""
    loop.queue.answer(first(loop, is_answered=True), "2", "spam")


def edit(loop: Loop) -> None:
    """Change an answer."""
    loop.queue.edit(next(iter(loop.queue.tasks[first(loop, is_answered=True)].answers)), "spam")


def retract(loop: Loop) -> None:
    """Delete an answer."""
    loop.queue.retract(next(iter(loop.queue.tasks[first(loop, is_answered=True)].answers)))


def skip(loop: Loop) -> None:
    """Skip a task."""
    loop.queue.skip(first(loop, is_answered=False), "1", reason="cannot tell")


def delete_task(loop: Loop) -> None:
    """Delete a task on the server."""
    loop.queue.delete([first(loop, is_answered=False)])


def delete_account(loop: Loop) -> None:
    """Delete the account of an annotator, which moves no task."""
    loop.queue.delete_account("1")


def set_back(loop: Loop) -> None:
    """Give an answer, and restore the server from a backup made before it."""
    backup = loop.queue.backup()
    answer(loop)
    loop.pull()
    loop.queue.restore(backup)


def alter(loop: Loop) -> None:
    """Let a task show another text."""
    loop.queue.patch(first(loop, is_answered=False), words="look elsewhere")


def wait_a_day(loop: Loop) -> None:
    """Let the time for a full comparison come."""
    loop.clock.sleep(timedelta(days=1, hours=1).total_seconds())


def plan_more(loop: Loop) -> None:
    """Begin the next round, and push its tasks."""
    loop.close_round()
    loop.push()


def lower_target(loop: Loop) -> None:
    """Ask for more answers before a label is gold."""
    loop.settings = loop.settings.model_copy(
        update={"consensus": loop.settings.consensus.model_copy(update={"audit_answers": 3})}
    )


CHANGES = (
    answer,
    disagree,
    edit,
    retract,
    skip,
    delete_task,
    delete_account,
    set_back,
    alter,
    wait_a_day,
    plan_more,
    lower_target,
)


def pulled(loop: Loop) -> tuple[PullReport | str, str]:
    """Return what a pull reports, or how it fails, and the digest of gold after it."""
    try:
        report: PullReport | str = replace(loop.pull(), view=None)
    except GoldloopError as error:
        report = str(error)
    return report, loop.gold.newest().digest


def test_a_pull_after_one_that_changed_nothing_reads_no_table_and_reports_the_same(tmp_path: Path) -> None:
    """The newest commits of the tables and two requests to the server say it."""
    loop = at_rest(tmp_path)
    before = loop.pull()

    assert reads_of_pull(loop) == []
    assert loop.pull() == before
    assert before.n_waiting > 0


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_ends_the_rest(tmp_path: Path, change: Callable[[Loop], None]) -> None:
    """Whether the server, the tables, the settings or the clock moved: the next pull reads the tables."""
    loop = at_rest(tmp_path)
    if change is delete_account:
        answer(loop)  # the account's newest answer, which the next pulls read again
        loop.pull()
        loop.pull()
    change(loop)

    for table in loop.tables.named.values():
        table.reads.clear()  # type: ignore[attr-defined]
    pulled(loop)

    assert any(table.reads for table in loop.tables.named.values())  # type: ignore[attr-defined]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(1, 3)), max_size=5))
def test_gold_and_reports_are_those_of_whole_pulls(changes: list[tuple[Callable[[Loop], None], int]]) -> None:
    """After any changes, with pulls after each, a loop that rests and one that never does agree."""
    with TemporaryDirectory() as folder:
        resting = at_rest(Path(folder) / "resting")
        whole = at_rest(Path(folder) / "whole")
        whole.rest = NothingKept()
        for change, n_pulls in changes:
            outcomes = []
            for loop in (resting, whole):
                try:
                    change(loop)
                except (StopIteration, GoldloopError) as error:
                    outcomes.append([repr(error)])
                    continue
                outcomes.append([str(pulled(loop)) for _ in range(n_pulls)])
            assert outcomes[0] == outcomes[1]


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    """What is derived may be removed or torn; the next pull reads the tables and writes it again."""
    loop = at_rest(tmp_path)
    (tmp_path / "pull.json").write_text("{", encoding="ascii")

    assert reads_of_pull(loop) != []
    assert reads_of_pull(loop) == []


def test_limits_of_severe_minutes_leave_no_rest(tmp_path: Path) -> None:
    """Who gets which tasks then depends on the hour, which no server tells."""
    loop = at_rest(tmp_path)
    loop.settings = loop.settings.model_copy(
        update={"moderation": ModerationSettings(acceptable="ham", max_severe_minutes=30)}
    )

    loop.pull()

    assert reads_of_pull(loop) != []
