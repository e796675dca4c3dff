"""The bench of selection strategies: its references choose as described, and its figures are right."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.selection.pool import Pool
from scripts.bench.labels.efficiency import PAIRS, SIZES, STRATEGIES_BY_NAME, labels_needed, with_errors
from scripts.bench.labels.references import REFERENCES


def circle(n: int) -> Pool:
    """Return `n` points around a circle, every other one asked about, with three labels."""
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    probs = np.random.default_rng(1).dirichlet(np.ones(3), n)
    return Pool(features, probs, np.arange(0, n, 2), np.random.default_rng(0))


@pytest.mark.parametrize("name", list(REFERENCES))
def test_references_choose_distinct_samples_without_a_label(name: str) -> None:
    """Each returns as many rows as asked for, or all candidates, and never one that was asked about."""
    for n, n_chosen in ((0, 0), (7, 7), (99, 20)):
        chosen = REFERENCES[name](circle(40), n)
        assert len(set(chosen.tolist())) == len(chosen) == n_chosen
        assert (chosen % 2 == 1).all()


def test_coreset_takes_the_farthest_sample_first() -> None:
    """With one end of a quarter circle labelled, the other end is first and the middle second."""
    angles = np.linspace(0, np.pi / 2, 9)
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    pool = Pool(features, None, np.array([0]), np.random.default_rng(0))

    assert REFERENCES["coreset"](pool, 2).tolist() == [8, 4]


def test_every_pair_names_strategies() -> None:
    """What the bench compares exists, in the library or among the references."""
    assert {name for pair in PAIRS.values() for name in pair} <= set(STRATEGIES_BY_NAME)


def test_labels_needed_lie_between_sizes() -> None:
    """A curve that reaches the goal between 300 and 400 labels needs 350; one that never does needs 1,000."""
    baseline = np.tile(np.linspace(0.1, 1.0, len(SIZES)), (3, 1))
    better = np.tile(np.array([0.1, 0.2, 0.7, *[0.9] * 7]), (3, 1))

    assert labels_needed(better, baseline) == pytest.approx((350, 350, 350))
    assert labels_needed(baseline, baseline)[0] == pytest.approx(800)
    assert labels_needed(baseline / 2, baseline)[0] == SIZES[-1]


def test_wrong_answers_are_other_labels_at_the_given_rate() -> None:
    """Of 10,000 answers some 15 % are wrong (standard deviation 0.36 %), evenly over the other labels."""
    columns = np.zeros(10_000, dtype=np.int64)
    answers = with_errors(columns, 0.15, 4, np.random.default_rng(0))
    counts = np.bincount(answers, minlength=4) / len(answers)

    assert counts[0] == pytest.approx(0.85, abs=0.015)
    assert counts[1:] == pytest.approx(np.full(3, 0.05), abs=0.01)
    assert (with_errors(columns, 0.0, 4, np.random.default_rng(0)) == columns).all()
