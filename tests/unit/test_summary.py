"""The kept summary of labeling says what the tables say, whatever happened to either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldloop.adapters.derived_file import DerivedFile
from goldloop.core.errors import GoldloopError
from goldloop.labeling.context import LoopState, read_state
from goldloop.labeling.summary import read_summary as read_kept
from goldloop.labeling.summary import summary_of
from goldloop.loop.summary import read_summary
from goldloop.scoring.writer import Model
from goldloop.tables.model_log import save_model_event
from goldloop.training.model_history import ModelChange, ModelId
from tests.loop import Loop, killed_before_commit
from tests.memory_texts import LengthScorer
from tests.outcomes import told
from tests.unit.test_rest import (
    answer,
    at_rest,
    delete_account,
    delete_task,
    disagree,
    edit,
    lower_target,
    plan_more,
    pulled,
    retract,
    set_back,
    skip,
)


def kept_loop(folder: Path) -> Loop:
    """Return a loop with pushed tasks, of which the half is answered, that keeps its summary."""
    loop = at_rest(folder)
    loop.summary = DerivedFile(folder / "labeling.json")
    return loop


def unread() -> LoopState:
    """Fail, because the state of labeling is not to be read."""
    raise AssertionError("the tables were read")


def summary_now(loop: Loop) -> object:
    """Return the summary of the loop, from what is kept if it holds."""
    return read_summary(loop.ports(), lambda: read_state(loop.tables, loop.settings))


def expected(loop: Loop) -> object:
    """Return the summary of what the tables say, with nothing known from before."""
    return summary_of(read_state(loop.tables, loop.settings), loop.settings)


def score_more(loop: Loop) -> None:
    """Score texts that have arrived since."""
    n = len(loop.texts)
    loop.texts |= {f"mem/new-{n}-{place}": f"{n} {place}".ljust(40, "y") for place in range(5)}
    loop.score()


def pull(loop: Loop) -> None:
    """Pull, whatever it says."""
    pulled(loop)


def close(loop: Loop) -> None:
    """Close the round."""
    loop.close_round()


def die(loop: Loop) -> None:
    """Kill a pull before its last commits."""
    answer(loop)
    with killed_before_commit("merge_next", 1):
        loop.pull()


def promote(loop: Loop) -> None:
    """Promote a model, which scores the pool."""
    save_model_event(
        loop.tables, ModelId("2", "d"), ModelChange.REGISTERED, at=loop.clock(), mlflow_run_id=""
    )
    loop.score_pool(Model("2", LengthScorer()))


def report_outcomes(loop: Loop) -> None:
    """Report what became of two samples, of which one has a task."""
    known_at = loop.clock().isoformat()
    told(loop, *((name, "manual", "spam", "", known_at) for name in [*sorted(loop.texts)[:2], "unknown"]))


def tear(loop: Loop) -> None:
    """Cut off what is kept."""
    file = loop.summary.path  # type: ignore[attr-defined]
    if file.exists():
        file.write_bytes(file.read_bytes()[:100])


def lose(loop: Loop) -> None:
    """Remove what is kept."""
    loop.summary.path.unlink(missing_ok=True)  # type: ignore[attr-defined]


def ask(loop: Loop) -> None:
    """Ask for the summary, which keeps it."""
    summary_now(loop)


CHANGES = (
    answer, disagree, edit, retract, skip, delete_task, delete_account, set_back, plan_more, lower_target,
    score_more, pull, close, die, promote, report_outcomes, tear, lose, ask,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=8))
def test_the_summary_says_what_the_tables_say(changes: list[Callable[[Loop], None]]) -> None:
    """After answers, rounds, kills, outcomes, models, other settings, and a lost or torn file."""
    with TemporaryDirectory() as folder:
        loop = kept_loop(Path(folder))
        for change in changes:
            try:
                change(loop)
            except (StopIteration, GoldloopError, pytest.fail.Exception):
                continue
            assert summary_now(loop) == expected(loop)


@pytest.mark.parametrize("step", [Loop.push, Loop.pull])
def test_a_step_keeps_the_summary_that_follows_from_it(
    tmp_path: Path, step: Callable[[Loop], object]
) -> None:
    """Who asks afterwards reads no table of answers; new samples change nothing of it."""
    loop = kept_loop(tmp_path)
    answer(loop)
    step(loop)
    score_more(loop)

    assert read_summary(loop.ports(), unread) == expected(loop)
    answer(loop)
    pull(loop)
    assert read_summary(loop.ports(), unread) == expected(loop)


def test_a_summary_that_a_commit_outdates_meanwhile_is_not_kept(tmp_path: Path) -> None:
    """Its marks would be those of the commit that it has missed."""
    loop = kept_loop(tmp_path)

    def overtaken() -> LoopState:
        state = read_state(loop.tables, loop.settings)
        close(loop)
        return state

    read_summary(loop.ports(), overtaken)
    assert read_kept(loop.tables, loop.settings, loop.summary) is None
    assert summary_now(loop) == expected(loop)
