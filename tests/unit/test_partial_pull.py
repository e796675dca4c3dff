"""Partial pulls: a pull that derives only the samples with changed answers does what a whole one does."""

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
from goldloop.consensus import settled_votes
from goldloop.core.errors import GoldloopError
from goldloop.core.ports import NothingKept
from goldloop.settings.sections import AnnotatorSettings, ConsensusSettings, SelectionSettings
from tests.loop import Loop, texts
from tests.unit.test_rest import CHANGES, answer, disagree, edit, first, pulled, skip

MAJORITY = ConsensusSettings(method="majority", max_answers=3, audit_answers=2, repeat_share=0.5)
POSTERIOR = ConsensusSettings(max_answers=3, audit_answers=2, repeat_share=0.5)


def loop_in(folder: Path, consensus: ConsensusSettings, *, keeps: bool = True) -> Loop:
    """Return a loop with pushed tasks, of which the half is answered, after pulls that asked nobody more."""
    loop = Loop(
        folder,
        texts(80),
        SelectionSettings(budget_per_round=40, audit_rate=0.3),
        consensus=consensus,
        people=AnnotatorSettings(honeypot_rate=0.3, onboarding_tasks=0),
        standing=DerivedFile(folder / "standing.jsonl") if keeps else NothingKept(),
    )
    loop.score()
    loop.push()
    loop.queue.now += timedelta(minutes=10)
    for place, task_id in enumerate(list(loop.queue.tasks)[::2]):
        loop.queue.now += timedelta(seconds=20)  # many answers at one moment would be a burst
        loop.queue.answer(task_id, "12"[place % 2], ("ham", "spam")[place % 3 == 0])
    for _ in range(4):
        loop.pull()
    return loop


def answer_several(loop: Loop) -> None:
    """Give two more answers by somebody else, which agree with nothing."""
    for _ in range(2):
        loop.queue.answer(first(loop, is_answered=False), "3", "ham")


def agree(loop: Loop) -> None:
    """Give a second answer to an answered task, the same as the first, some time after other answers."""
    loop.queue.now += timedelta(seconds=20)
    free = [
        (task_id, next(iter(task.answers.values())).label)
        for task_id, task in loop.queue.tasks.items()
        if len(task.answers) == 1 and not task.knows("3")
    ]
    loop.queue.answer(free[0][0], "3", str(free[0][1])) if free else None


def agree_on_several(loop: Loop) -> None:
    """Give second answers to three tasks, all before the next pull."""
    for _ in range(3):
        agree(loop)


def change_mind(loop: Loop) -> None:
    """Let the annotator of an early answer give the other one."""
    given = [answer for task in loop.queue.tasks.values() for answer in task.answers.items()]
    annotation_id, before = given[1]
    loop.queue.edit(annotation_id, "ham" if before.label == "spam" else "spam")


ALL_CHANGES = (
    *CHANGES,
    answer,
    answer_several,
    answer_several,
    agree,
    agree_on_several,
    disagree,
    edit,
    skip,
    change_mind,
)


def rows_read(loop: Loop) -> int:
    """Return the rows that one more pull reads of the tables of tasks and of gold."""
    tables = (loop.tables.planned_tasks, loop.tables.task_events, loop.tables.gold)
    for table in tables:
        table.reads.clear()  # type: ignore[attr-defined]
    loop.pull()
    return sum(n for table in tables for n in table.reads)  # type: ignore[attr-defined]


@pytest.mark.parametrize("consensus", [MAJORITY, POSTERIOR])
def test_a_pull_reads_only_the_samples_with_changed_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consensus: ConsensusSettings
) -> None:
    """Two further answers make gold, and the plans of few tasks are read."""
    monkeypatch.setattr(settled_votes, "ALL_UP_TO", 8)
    monkeypatch.setattr(settled_votes, "STEP", 4.0)
    loop = loop_in(tmp_path, consensus)
    before = loop.gold.newest()
    agree(loop)
    answer(loop)

    n_read = rows_read(loop)

    assert n_read < len(loop.queue.tasks) / 2
    assert loop.gold.newest().version > before.version
    assert loop.gold.read().version.digest == loop.gold.newest().digest


def agreed_in(
    folder: Path, consensus: ConsensusSettings, changes: list[tuple[Callable[[Loop], None], int]]
) -> None:
    """Let changes happen, with pulls after each, to a loop with a standing and to one without."""
    loops = [loop_in(folder / name, consensus, keeps=name == "part") for name in ("part", "whole")]
    for change, n_pulls in changes:
        outcomes = []
        for loop in loops:
            loop.queue.now += timedelta(minutes=1)
            try:
                change(loop)
            except (StopIteration, GoldloopError) as error:
                outcomes.append([repr(error)])
                continue
            outcomes.append([(str(pulled(loop)), requests_of(loop)) for _ in range(n_pulls)])
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("consensus", [MAJORITY, POSTERIOR])
@pytest.mark.parametrize("step", [1.1, 4.0])
def test_a_long_history_of_answers_ends_as_that_of_whole_pulls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, consensus: ConsensusSettings, step: float
) -> None:
    """People join, agree, change settled answers and skip; honeypots are due all the time."""
    monkeypatch.setattr(settled_votes, "ALL_UP_TO", 8)
    monkeypatch.setattr(settled_votes, "STEP", step)
    steps = (
        agree,
        answer,
        change_mind,
        agree,
        agree_on_several,
        answer_several,
        skip,
        agree_on_several,
        change_mind,
        agree,
        answer,
        agree_on_several,
        change_mind,
        agree,
    )

    agreed_in(tmp_path, consensus, [(change, 2) for change in steps])


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([MAJORITY, POSTERIOR]),
    st.lists(st.tuples(st.sampled_from(ALL_CHANGES), st.integers(1, 3)), max_size=8),
)
def test_gold_requests_and_reports_are_those_of_whole_pulls(
    consensus: ConsensusSettings, changes: list[tuple[Callable[[Loop], None], int]]
) -> None:
    """After any changes and pulls, a loop that keeps its standing agrees with one that never does."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(settled_votes, "ALL_UP_TO", 8)
        patch.setattr(settled_votes, "STEP", 1.5)
        agreed_in(Path(folder), consensus, changes)


def requests_of(loop: Loop) -> list[str]:
    """Return all requests, and how many answers the server wants of each task."""
    log = loop.state().snapshot.requests
    asked = [str(replace(request, at=None)) for request in log.requests]
    return [*asked, *(f"{task_id}: {task.n_asked}" for task_id, task in loop.queue.tasks.items())]
