"""Strategies choose which samples annotators label: spread over clusters, unsure ones first, none twice."""

from __future__ import annotations

from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from goldloop.core.errors import InvalidProbabilitiesError, SelectionError
from goldloop.selection import strategies
from goldloop.selection.pool import Pool
from goldloop.selection.strategies import STRATEGIES
from goldloop.settings.sections import SelectionSettings

N_CLUSTERS, A_CLUSTER = 8, 30
NOBODY = np.zeros(0, dtype=np.int64)
every_strategy = pytest.mark.parametrize("name", list(STRATEGIES))


def clustered(
    sizes: list[int], *, spread: float = 0.05
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """Return rows around one axis for each of `sizes`, and the axis of each row."""
    axes = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.eye(len(sizes) + 4)[axes] + spread * np.random.default_rng(7).normal(
        size=(len(axes), len(sizes) + 4)
    )
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), axes


def two_labels(margins: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return probabilities of two labels with these margins."""
    high = (1 + np.asarray(margins, dtype=np.float64)) / 2
    return np.stack([high, 1 - high], axis=1)


def pool_of(
    features: npt.NDArray[np.float32],
    margins: npt.ArrayLike | None = None,
    asked: npt.ArrayLike = NOBODY,
    *,
    seed: int = 0,
) -> Pool:
    """Return a pool with a fresh generator; margins of 0.5 if none are given."""
    probs = two_labels(np.full(len(features), 0.5) if margins is None else margins)
    return Pool(features, probs, np.asarray(asked, dtype=np.int64), np.random.default_rng(seed))


def test_every_strategy_can_be_set() -> None:
    """`selection.strategy` takes the names of all strategies, and saving, which needs no features."""
    field = SelectionSettings.model_fields["strategy"]

    assert set(get_args(field.annotation)) == {*STRATEGIES, "saving"}


@every_strategy
def test_the_same_seed_makes_the_same_choice(name: str) -> None:
    """Chance comes from the generator alone: its seed decides the rows and their order."""
    features, _ = clustered([A_CLUSTER] * N_CLUSTERS)
    first, again, other = (STRATEGIES[name](pool_of(features, seed=seed), 12).tolist() for seed in (1, 1, 2))

    assert first == again
    assert first != other


@every_strategy
def test_no_sample_is_chosen_twice_or_after_it_was_asked_about(name: str) -> None:
    """Rows asked about, given in any order and twice, are never chosen, even where no other row is left."""
    features, _ = clustered([A_CLUSTER] * N_CLUSTERS)
    asked = np.random.default_rng(3).permutation(len(features))[:200]

    for n in (5, 40, 1000):
        chosen = STRATEGIES[name](pool_of(features, asked=[*asked, *asked]), n)
        assert len(chosen) == min(n, 40)
        assert len({*chosen.tolist()} | {*asked.tolist()}) == 200 + len(chosen)


@every_strategy
def test_identical_samples_fill_a_choice_of_any_size(name: str) -> None:
    """Where all samples are the same, there are as many rows as asked for."""
    features = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (20, 1))

    assert len(set(STRATEGIES[name](pool_of(features, asked=[3]), 7).tolist())) == 7


@every_strategy
@pytest.mark.parametrize(("n_rows", "n_asked", "n"), [(10, 0, 0), (10, 10, 3), (0, 0, 3), (1, 0, 3)])
def test_nothing_to_choose_is_an_empty_choice(name: str, n_rows: int, n_asked: int, n: int) -> None:
    """No budget, no candidate and no sample give no rows; one candidate gives that one."""
    features = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (n_rows, 1))
    chosen = STRATEGIES[name](pool_of(features, asked=np.arange(n_asked)), n)

    assert chosen.tolist() == ([0] if n_rows == 1 else [])
    assert chosen.dtype == np.int64


@every_strategy
def test_one_label_leaves_the_choice_to_the_features(name: str) -> None:
    """With a single label the model is sure of every sample, and a strategy still chooses n of them."""
    features, _ = clustered([A_CLUSTER] * N_CLUSTERS)
    pool = Pool(features, np.ones((len(features), 1)), NOBODY, np.random.default_rng(0))

    assert len(set(STRATEGIES[name](pool, 9).tolist())) == 9


def test_random_gives_every_candidate_the_same_chance() -> None:
    """Over 2,000 draws of 3 among 10 candidates each comes up about 600 times (standard deviation 20)."""
    features, _ = clustered([11])
    rng = np.random.default_rng(0)
    draws = [strategies.random(Pool(features, None, np.array([4]), rng), 3) for _ in range(2000)]
    counts = np.bincount(np.concatenate(draws), minlength=11)

    assert counts[4] == 0
    assert np.abs(np.delete(counts, 4) - 600).max() < 90


def test_medoids_are_the_most_central_samples_of_separated_clusters() -> None:
    """Each cluster gives the sample nearest to its mean, the largest cluster first, whatever their sizes.

    k-means++ places two of its seeds in one cluster once in some 20 draws; hence 17 of 20 seeds.
    """
    sizes = [60, 40, 25, 12]
    features, axes = clustered(sizes)
    central = []
    for axis in range(len(sizes)):
        rows = np.flatnonzero(axes == axis)
        away = np.linalg.norm(features[rows] - features[rows].mean(axis=0), axis=1)
        central.append(int(rows[away.argmin()]))

    chosen = [strategies.medoids(pool_of(features, seed=seed), 4).tolist() for seed in range(20)]

    assert chosen.count(central) >= 17


def test_medoids_leave_out_clusters_with_a_labelled_sample() -> None:
    """Clusters of which nobody labelled a sample come first, however small they are.

    k-means++ joins two of eight clusters in a quarter of the draws; hence 90 % of the choices.
    """
    features, axes = clustered([40] * 4 + [20] * 4)
    asked = [int(np.flatnonzero(axes == axis)[0]) for axis in (0, 1, 2, 3)]
    chosen = [strategies.medoids(pool_of(features, asked=asked, seed=seed), 4) for seed in range(20)]

    assert np.mean(axes[np.concatenate(chosen)] >= 4) > 0.9


def test_medoids_of_a_large_pool_come_from_a_draw_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the pool has more rows than k-means is given, the choice is still n rows that nobody labelled."""
    monkeypatch.setattr(strategies, "MEDOID_ROWS_PER_CHOICE", 2)
    monkeypatch.setattr(strategies, "LEAST_MEDOID_ROWS", 1)
    features, _ = clustered([A_CLUSTER] * N_CLUSTERS)
    asked = np.arange(0, len(features), 2)

    chosen = strategies.medoids(pool_of(features, asked=asked), 12)

    assert len(set(chosen.tolist())) == 12
    assert (chosen % 2 == 1).all()


def test_margin_takes_the_least_margins_in_order() -> None:
    """The choice is the candidates sorted by margin; a smaller margin that has a label is left out."""
    features, _ = clustered([10])
    spread = np.array([0.9, 0.1, 0.5, 0.3, 0.2, 0.8, 0.7, 0.6, 0.4, 0.95])

    assert strategies.least_margin(pool_of(features, spread, asked=[4]), 4).tolist() == [1, 3, 8, 2]


def test_margin_kmeans_spreads_over_the_clusters_of_unsure_samples() -> None:
    """With one unsure cluster more unsure than all others, each unsure cluster still gives one sample.

    Plain margin would take all samples from the first cluster.
    """
    features, axes = clustered([A_CLUSTER] * N_CLUSTERS)
    spread = np.where(axes == 0, 0.05, np.where(axes < 4, 0.1, 0.95))
    chosen = [strategies.margin_kmeans(pool_of(features, spread, seed=seed), 12) for seed in range(10)]

    assert all({0, 1, 2, 3} == set(axes[rows].tolist()) for rows in chosen)


def test_margin_kmeans_gives_sure_samples_little_weight() -> None:
    """Between two clusters of unsure samples and one of sure samples, two choices go to the unsure ones."""
    features, axes = clustered([7, 7, 6])
    spread = np.where(axes == 2, 0.999, 0.1)
    chosen = [strategies.margin_kmeans(pool_of(features, spread, seed=seed), 2) for seed in range(20)]

    assert sum(sorted(axes[rows].tolist()) == [0, 1] for rows in chosen) >= 18


def test_margin_kmeans_takes_one_of_identical_samples() -> None:
    """Copies of the most unsure sample do not use up the choice."""
    features, _ = clustered([20])
    features[:12] = features[0]
    spread = np.where(np.arange(20) < 12, 0.0, 0.2)
    for seed in range(10):
        chosen = strategies.margin_kmeans(pool_of(features, spread, seed=seed), 4)
        assert np.sum(chosen < 12) <= 1


def near_a_rare_label() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return features, and probs of two common labels and a rare one.

    20 samples are in doubt between the common labels, the next 20 slightly less between a common and the rare
    one, and the model is sure of 400.
    """
    rng = np.random.default_rng(5)
    rows = [[0.56, 0.43, 0.01]] * 20 + [[0.65, 0.02, 0.33]] * 20
    rows += [[0.98, 0.01, 0.01]] * 200 + [[0.01, 0.98, 0.01]] * 200
    features = rng.normal(size=(len(rows), 6))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), np.array(rows)


@pytest.mark.parametrize(("name", "first"), [("margin_kmeans", 0), ("adjusted_margin_kmeans", 20)])
def test_adjusted_margins_look_for_the_boundary_of_a_rare_label(name: str, first: int) -> None:
    """Of two doubts, plain margins take the greater and adjusted ones that about the rare label."""
    features, probs = near_a_rare_label()
    chosen = STRATEGIES[name](Pool(features, probs, NOBODY, np.random.default_rng(0)), 2)

    assert set(chosen.tolist()) <= set(range(first, first + 20))


def test_adjusted_margins_change_nothing_where_labels_are_equally_frequent() -> None:
    """Nor does a label that the model never expects."""
    features, _ = clustered([A_CLUSTER] * N_CLUSTERS)
    half = two_labels(np.random.default_rng(2).uniform(0, 1, len(features) // 2))
    probs = np.pad(np.concatenate([half, half[:, ::-1]]), ((0, 0), (0, 1)))
    plain, adjusted = (
        STRATEGIES[name](Pool(features, probs, NOBODY, np.random.default_rng(0)), 9).tolist()
        for name in ("margin_kmeans", "adjusted_margin_kmeans")
    )

    assert plain == adjusted


@pytest.mark.parametrize(
    ("features", "probs", "asked", "message"),
    [
        (np.ones(3, dtype=np.float32), None, NOBODY, r"shape \(n, d\).*got \(3,\)"),
        (np.eye(3), None, NOBODY, "float64"),
        (2 * np.eye(3, dtype=np.float32), None, NOBODY, "row 0 of features has squared length 4"),
        (
            np.diag([1, np.nan, 1]).astype(np.float32),
            None,
            NOBODY,
            "row 1 of features has squared length nan",
        ),
        (
            np.diag([1, 1, np.inf]).astype(np.float32),
            None,
            NOBODY,
            "row 2 of features has squared length inf",
        ),
        (np.eye(3, dtype=np.float32), two_labels([0.1, 0.2]), NOBODY, "features have 3 rows, probs have 2"),
        (np.eye(3, dtype=np.float32), None, np.array([0, 3]), "asked holds row 3, features have 3 rows"),
        (np.eye(3, dtype=np.float32), None, np.array([-1]), "asked holds row -1"),
    ],
)
def test_a_pool_refuses_arrays_that_no_strategy_can_use(
    features: npt.NDArray[np.float32],
    probs: npt.NDArray[np.float64] | None,
    asked: npt.NDArray[np.int64],
    message: str,
) -> None:
    """The error names the array, its row and the value."""
    with pytest.raises(SelectionError, match=message):
        Pool(features, probs, asked, np.random.default_rng(0))


def test_a_pool_refuses_probabilities_that_are_none() -> None:
    """A row that is not finite is refused as everywhere in goldloop."""
    probs = np.array([[0.5, 0.5], [np.nan, 1.0]])
    with pytest.raises(InvalidProbabilitiesError, match="1"):
        Pool(np.eye(2, dtype=np.float32), probs, NOBODY, np.random.default_rng(0))


@every_strategy
def test_a_negative_number_is_refused(name: str) -> None:
    """The error gives the number."""
    with pytest.raises(SelectionError, match="cannot choose -2 samples"):
        STRATEGIES[name](pool_of(clustered([5])[0]), -2)


@pytest.mark.parametrize("name", ["margin", "margin_kmeans", "adjusted_margin_kmeans"])
def test_strategies_that_need_a_model_name_those_that_do_not(name: str) -> None:
    """Before the first model the error names the strategy and what to use instead."""
    pool = Pool(clustered([5])[0], None, NOBODY, np.random.default_rng(0))
    with pytest.raises(SelectionError, match=f"strategy {name} needs probs, got None; use medoids or random"):
        STRATEGIES[name](pool, 2)
