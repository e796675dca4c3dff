"""Two passes that score the pool at once leave one prediction by the new model for each sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from goldloop.adapters.delta import open_tables
from goldloop.adapters.memory import memory_tables
from goldloop.core.ports import Scores
from goldloop.core.table_ports import Tables
from goldloop.scoring import writer
from goldloop.scoring.writer import Model, ScoreReport
from tests.loop import Loop, texts
from tests.memory_texts import LengthScorer

N = 40


@pytest.fixture(params=["delta", "memory"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Tables]:
    """Return what opens the tables once more, as a process on another machine does."""
    if request.param == "delta":
        return lambda: open_tables(tmp_path / "tables")
    tables = memory_tables()
    return lambda: tables


class Interrupted(LengthScorer):
    """Lets something else happen at its second minibatch."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.n_calls, self.happens = 0, happens

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of a minibatch."""
        self.n_calls += 1
        if self.n_calls == 2:
            self.happens()
        return super().__call__(payloads)


@pytest.fixture
def loop(tmp_path: Path, open_again: Callable[[], Tables], monkeypatch: pytest.MonkeyPatch) -> Loop:
    """Return a loop whose samples are scored by model 1; it scores and commits four at a time."""
    for name, value in {"MINIBATCH": 4, "POOL_COMMIT": 1, "COMMIT_EVERY": 4}.items():
        monkeypatch.setattr(writer, name, value)
    loop = Loop(tmp_path, texts(N))
    loop.tables = open_again()
    loop.score()
    return loop


def predicted(loop: Loop, version: str) -> list[str]:
    """Return the sample of each prediction by a model."""
    rows = loop.tables.predictions.read(["sample_id", "model_version"]).to_pylist()
    return sorted(row["sample_id"] for row in rows if row["model_version"] == version)


def beside(loop: Loop, tables: Tables) -> Loop:
    """Return the loop of another machine."""
    other = copy(loop)
    other.tables = tables
    return other


def test_each_sample_keeps_the_prediction_of_the_first_pass(
    loop: Loop, open_again: Callable[[], Tables]
) -> None:
    """The second one begins and ends within the first one, which has committed four by then."""
    reports: list[ScoreReport] = []
    other = beside(loop, open_again())
    model = Model("2", Interrupted(lambda: reports.append(other.score_pool(Model("2", LengthScorer())))))

    reports.append(loop.score_pool(model))

    assert len(predicted(loop, "1")) == N
    assert predicted(loop, "2") == predicted(loop, "1")
    assert [sum(report.lanes.values()) for report in reports] == [N - 4, 4]


def test_after_a_rollback_the_older_model_scores_all_samples_anew(loop: Loop) -> None:
    """Its predictions from before are not those of another process."""
    loop.score_pool(Model("2", LengthScorer()))

    report = loop.score_pool()

    assert sum(report.lanes.values()) == N
    assert predicted(loop, "1") == sorted([*predicted(loop, "2")] * 2)


def test_another_model_does_not_count(loop: Loop, open_again: Callable[[], Tables]) -> None:
    """Two machines that differ about the champion both score everything."""
    other = beside(loop, open_again())
    model = Model("2", Interrupted(lambda: other.score_pool(Model("3", LengthScorer()))))

    loop.score_pool(model)

    assert predicted(loop, "2") == predicted(loop, "3") == predicted(loop, "1")
