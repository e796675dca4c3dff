"""The let-through group: drawn at random, the dear ones more seldom, and weighed by its probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldloop.audit.let_through import LetThrough
from goldloop.core.lanes import Lane
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import Purpose
from goldloop.loop.let_through import read_let_through_report
from goldloop.loop.maturity import read_maturity
from goldloop.reports.outcomes import let_through_line
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from goldloop.stats.metrics import share_estimate
from goldloop.tables.predictions import newest_predictions, predictions_under_other_policies, read_let_through
from tests.loop import Loop, texts
from tests.memory_texts import LengthScorer

DRAW = LetThrough(rate=0.02, typical=30.0, seed=1)


def names(n: int) -> list[SampleId]:
    """Return n sample ids."""
    return [sample_id_of(str(number).encode()) for number in range(n)]


def test_the_probability_falls_with_the_stake() -> None:
    """Up to the typical stake it is the rate; ten times as much passes a tenth as often."""
    assert DRAW.probabilities([0, 1, 30, 60, 300]).tolist() == pytest.approx([0.02, 0.02, 0.02, 0.01, 0.002])


def test_only_what_is_stopped_or_reviewed_is_drawn_and_as_often_as_said() -> None:
    """What passes anyway, and what waits, is no measurement; the draw is the same at every call."""
    n = 20_000
    for lane, column, is_held in (
        (Lane.REVIEW, 0, True), (Lane.FULL, 1, True), (Lane.AUTO, 1, True), (Lane.AUTO, 0, False),
        (Lane.HOLD, 1, False),
    ):  # fmt: skip
        drawn = DRAW.drawn(names(n), [lane] * n, np.full(n, column), np.full(n, 60.0))
        passed = [chance for chance in drawn if chance is not None]
        assert set(passed) <= {0.01}
        assert 150 < len(passed) < 250 if is_held else not passed
        assert drawn == DRAW.drawn(names(n), [lane] * n, np.full(n, column), np.full(n, 60.0))


def test_weights_undo_that_dear_samples_pass_more_seldom() -> None:
    """Dear samples are fraud more often: the weighted share is the true one, the plain share is not."""
    rng = np.random.default_rng(0)
    stakes = rng.lognormal(3.5, 1.2, 200_000)
    is_fraud = rng.random(len(stakes)) < np.minimum(0.9, stakes / 200)
    ids, draw = names(len(stakes)), LetThrough(0.1, 30.0, 0)
    drawn = draw.drawn(ids, [Lane.REVIEW] * len(ids), np.zeros(len(ids), dtype=np.intp), stakes)
    rows = [row for row, chance in enumerate(drawn) if chance is not None]
    weights = np.array([1 / chance for chance in drawn if chance is not None])
    found = share_estimate(is_fraud[rows], weights=weights)

    assert found.low <= is_fraud.mean() <= found.high
    assert share_estimate(is_fraud[rows]).high < is_fraud.mean()


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """A loop of texts in which everything that the policy would hold passes."""
    loop = Loop(tmp_path, texts(60))
    score_source("texts", **loop._scoring(None), let_through=LetThrough(1.0, 1.0, 0))
    return loop


def test_what_is_let_through_passes_for_good(loop: Loop) -> None:
    """Its prediction keeps the probability; no other policy and no other model calls it back."""
    passed = read_let_through(loop.tables)
    assert 20 < len(passed) < 60
    assert set(passed.values()) == {1.0}

    def rows() -> dict[str, tuple[str, str]]:
        newest = newest_predictions(loop.tables)
        columns = (newest[name].to_pylist() for name in ("sample_id", "lane", "decided"))
        return {key: (lane, decided) for key, lane, decided in zip(*columns, strict=True) if key in passed}

    assert set(rows().values()) == {("auto", "ham")}
    other = Band(0.1, 0.9)
    moved = predictions_under_other_policies(
        loop.tables, model_version="1", policy=other, is_wanted=lambda _: True
    )
    assert moved
    assert not {one.sample_id for one in moved} & set(passed)
    loop.score_pool(Model("2", LengthScorer()))
    assert set(rows().values()) == {("auto", "ham")}
    assert read_let_through(loop.tables).keys() == passed.keys()
    loop.push()
    asked = {task.pushed.sample_id for task in loop.queue.tasks.values()}
    reviewed = {
        task.pushed.sample_id
        for task in loop.queue.tasks.values()
        if task.pushed.purpose is not Purpose.AUDIT
    }
    assert asked
    assert not reviewed & set(passed)


def test_without_outcomes_nothing_is_estimated(loop: Loop) -> None:
    """The line says how many passed, and that none is mature."""
    report = read_let_through_report(loop.ports(), loop.state(), read_maturity(loop.ports(), ()))
    assert report is not None
    assert (report.n, report.n_mature) == (len(read_let_through(loop.tables)), 0)
    assert "0 of them mature" in let_through_line(report)
    assert let_through_line(None) == ""
