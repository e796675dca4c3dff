"""Strategies simulated on gold: the test is never learnt from, and what pays is found, or that none does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from goldloop.core.errors import EmptyPoolError
from goldloop.core.probs import Probs
from goldloop.reports.strategies import strategy_rows, strategy_title, strategy_verdict
from goldloop.selection.learning_curves import LearningCurve, compare_strategies, labels_to
from goldloop.selection.pool import Rows
from goldloop.selection.simulation import (
    BASELINE,
    LARGEST_SHARE,
    N_BATCHES,
    PAIRS,
    HiddenGold,
    Simulation,
    simulate,
)
from goldloop.stats.metrics import Columns

N, N_AUDITS, N_KINDS = 400, 160, 24


def gold(n: int = N, n_audits: int = N_AUDITS, *, seed: int = 0) -> HiddenGold:
    """Return samples around N_KINDS centres, each kind with a label; the first kinds are frequent."""
    rng = np.random.default_rng(seed)
    shares = 0.8 ** np.arange(N_KINDS)
    kinds = rng.choice(N_KINDS, n, p=shares / shares.sum())
    rows = np.eye(N_KINDS)[kinds] + rng.normal(0, 0.05, (n, N_KINDS))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    weights = np.where(np.arange(n) < n_audits, 10.0, 0.0)
    return HiddenGold(rows.astype(np.float32), kinds.astype(np.intp), weights, [str(row) for row in range(n)])


@dataclass
class Nearest:
    """Models that give a sample the label of the nearest one learnt; they remember what they learnt from."""

    samples: HiddenGold
    learnt: list[list[Rows]] = field(default_factory=list)

    def start(self) -> Nearest:
        """Begin a run."""
        self.learnt.append([])
        return self

    def __call__(self, rows: Rows, columns: Columns) -> Probs:
        """Return probs of all samples, surer the nearer."""
        self.learnt[-1].append(rows)
        likeness = self.samples.features @ self.samples.features[rows].T
        probs = np.full((len(likeness), N_KINDS), 1e-6)
        for column in np.unique(columns):
            probs[:, column] += np.exp(5 * likeness[:, columns == column].max(axis=1))
        return np.asarray(probs / probs.sum(axis=1, keepdims=True), dtype=np.float64)


def simulated(samples: HiddenGold, *, n_seeds: int = 4, seed: int = 0) -> tuple[Simulation, Nearest]:
    """Return a simulation, and the models with what they learnt from, run by run."""
    models = Nearest(samples)
    return simulate(samples, models.start, n_seeds=n_seeds, seed=seed), models


def test_no_model_learns_from_its_test() -> None:
    """In no run, whatever the strategy; and no sample is asked about twice."""
    found, models = simulated(gold())

    assert len(models.learnt) == 4 * len(PAIRS)
    for run, batches in enumerate(models.learnt):
        tested = np.flatnonzero(found.is_test[run // len(PAIRS)])
        assert [len(rows) for rows in batches] == list(found.sizes)
        assert not np.isin(batches[-1], tested).any()
        assert len(np.unique(batches[-1])) == len(batches[-1])


def test_every_audit_tests_once_in_two_seeds() -> None:
    """The halves of one draw; no other sample ever tests."""
    found, _ = simulated(gold())

    assert (found.is_test[0] ^ found.is_test[1]).all()
    assert (found.is_test[2] ^ found.is_test[3]).all()
    assert (found.is_test[0] != found.is_test[2]).any()
    assert found.is_test.shape == (4, N_AUDITS)
    assert all(
        not right[~np.repeat(found.is_test[:, None], N_BATCHES, 1)].any() for right in found.right.values()
    )


def test_near_duplicates_of_a_test_are_not_learnt() -> None:
    """Each sample that is no audit looks like one; it is out of reach while that one tests."""
    samples = gold(320)
    doubled = replace(samples, groups=[str(row % N_AUDITS) for row in range(320)])
    found, models = simulated(doubled, n_seeds=2)

    for run, batches in enumerate(models.learnt):
        tested = np.flatnonzero(found.is_test[run // len(PAIRS)])
        assert not np.isin(batches[-1] % N_AUDITS, tested).any()


def test_batches_fit_the_gold() -> None:
    """As large as six of them in three fifths of the pool can be, which lacks the half that tests."""
    found, _ = simulated(gold(), n_seeds=2)

    assert found.n_pool == N - N_AUDITS // 2
    assert found.sizes == tuple(found.sizes[0] * number for number in range(1, N_BATCHES + 1))
    assert found.sizes[-1] <= LARGEST_SHARE * found.n_pool < found.sizes[-1] + N_BATCHES


def test_the_same_seed_gives_the_same_comparison() -> None:
    """And another seed another one."""
    first, again, other = (
        compare_strategies(simulated(gold(), n_seeds=2, seed=seed)[0], seed=seed) for seed in (0, 0, 5)
    )

    assert first == again
    assert first != other


def test_a_strategy_that_pays_is_found() -> None:
    """Medoids meet rare kinds that a random choice misses, and models know no kind that they have not met."""
    comparison = compare_strategies(simulated(gold(seed=1))[0], seed=0)
    paying = comparison.paying

    assert paying is not None
    assert paying.pair[0] == "medoids"
    assert paying.saved is not None
    assert 0 < paying.saved.low <= paying.saved.value < comparison.sizes[-1]
    words = " ".join(strategy_verdict(comparison, strategy=paying.pair[1]))
    assert f"medoids first, then {paying.pair[1]} would have paid: +" in words
    assert "answers saved" in words
    assert f"selection.strategy is '{paying.pair[1]}' already" in words


def test_where_nothing_can_be_learnt_no_strategy_pays() -> None:
    """Labels by chance: the verdict says that the gold cannot tell, and gives the interval."""
    samples = gold()
    shuffled = np.random.default_rng(3).integers(0, N_KINDS, N).astype(np.intp)
    comparison = compare_strategies(simulated(replace(samples, columns=shuffled))[0], seed=0)
    words = " ".join(strategy_verdict(comparison, strategy="margin_kmeans"))

    assert comparison.paying is None
    assert "too small to tell" in words
    assert "would have paid" not in words


@pytest.mark.parametrize(("n", "n_audits"), [(400, 39), (79, 40), (0, 0)])
def test_gold_that_is_too_small_is_refused(n: int, n_audits: int) -> None:
    """The message says how much there is and how much is needed."""
    with pytest.raises(EmptyPoolError, match=f"{n_audits} audited samples.*40, 60 and 2 are needed"):
        simulated(gold(n, n_audits))


def test_gold_of_near_duplicates_alone_is_refused() -> None:
    """All look like one audit of forty: while that one tests, hardly a sample is left to ask about."""
    groups = [str(row if row < 40 else 0) for row in range(N)]
    with pytest.raises(EmptyPoolError, match="20 samples to choose from"):
        simulated(replace(gold(N, 40), groups=groups))


def test_gold_of_one_label_is_refused() -> None:
    """No strategy could teach anything."""
    samples = gold()
    with pytest.raises(EmptyPoolError, match="1 labels"):
        simulated(replace(samples, columns=np.zeros(N, dtype=np.intp)))


def by_hand(*, has_gains: bool = True) -> Simulation:
    """Return two seeds of 40 audits each, of which every other weighs 3; these are right with margin."""
    is_test = np.repeat(np.eye(2, dtype=bool), 40, axis=1)
    weights = np.tile([1.0, 3.0], 40)
    right = np.zeros((2, 2, 80), dtype=bool)
    right[:, 1] = is_test & (weights == 1)  # random: nothing, then what weighs 1
    better = right.copy()
    if has_gains:
        better |= (is_test & (weights == 3))[:, None]
    return Simulation((10, 20), 30, weights, is_test, {BASELINE: right, ("medoids", "margin"): better})


def test_gains_by_hand() -> None:
    """Audits that weigh 3 of 4: accuracy 0 and 1/4 by chance, 3/4 and 1 by margin."""
    comparison = compare_strategies(by_hand(), seed=0)
    random, margin = comparison.curves

    assert random == LearningCurve(BASELINE, (0.0, 0.25))
    assert margin.accuracy == (0.75, 1.0)
    assert margin.gain is not None
    assert margin.gain.value == pytest.approx(0.75)
    assert margin.gain.low <= 0.75 <= margin.gain.high <= 1
    assert margin.saved is not None
    assert margin.saved.value == 10
    assert comparison.best is margin
    rows = strategy_rows(comparison)
    assert str(rows[1]["20 labels"]) == "100.0 %"
    assert rows[0]["labels saved, mean"] == "–"
    assert strategy_title(comparison) == (
        "strategies on gold: 30 samples to choose from, 80 audits to test, 2 seeds"
    )


def test_no_difference_is_no_gain() -> None:
    """Two strategies that never differ have the interval [0, 0]."""
    margin = compare_strategies(by_hand(has_gains=False), seed=0).curves[1]

    assert margin.gain is not None
    assert (margin.gain.low, margin.gain.value, margin.gain.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("goal", "labels"), [(0.5, 10), (0.6, 10), (0.65, 15), (0.8, 30), (0.7, 20), (0.9, 30)]
)
def test_labels_to_an_accuracy(goal: float, labels: float) -> None:
    """Linear between sizes, and no further than these."""
    assert labels_to(goal, np.array([0.6, 0.7, 0.8]), (10, 20, 30)) == pytest.approx(labels)
