"""Label issues are gold labels that a model which was not trained on them finds unlikely."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from goldloop.core.errors import EmptyPoolError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.training.label_errors import Rows, cross_validated_probs, find_label_issues

PETS = LabelSet.of(["cat", "dog", "owl"])
IDS = [SampleId(f"s{number}") for number in range(1000)]


def noisy(seed: int, n: int = 600) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Probs]:
    """Return truth, labels of which one in ten is wrong, and probs that favour the truth."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, n)
    given = np.where(random.random(n) < 0.1, (truth + random.integers(1, 3, n)) % 3, truth)
    sharp = random.dirichlet([1, 1, 1], n) * 0.7 + 0.3 * np.eye(3)[truth]
    return truth, given, sharp


def by_hand(given: npt.NDArray[np.intp], probs: Probs) -> list[int]:
    """Return the rows that are label issues, lowest probability first, by a slow definition."""
    thresholds = {}
    for column in range(probs.shape[1]):
        own = [probs[row, column] for row in range(len(given)) if given[row] == column]
        thresholds[column] = sum(own) / len(own) if own else None
    found = []
    for row in range(len(given)):
        limits = [(column, limit) for column, limit in thresholds.items() if limit is not None]
        reached = [column for column, limit in limits if probs[row, column] >= limit - 1e-12]
        rival = max(probs[row, column] for column in range(probs.shape[1]) if column != given[row])
        own = probs[row, given[row]]
        best = max(reached, key=lambda column: probs[row, column], default=given[row])
        if best != given[row] and own < rival:
            found.append((own, row))
    return [row for _, row in sorted(found)]


def test_two_swapped_labels_are_found() -> None:
    """A model sure of cats and dogs finds the cat called dog and the dog called cat, surest first."""
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.1, 0.9], [0.05, 0.95]])
    labels = LabelSet.of(["cat", "dog"])

    found = find_label_issues(IDS[:6], [0, 0, 1, 1, 1, 0], probs, labels=labels)

    assert [(one.rank, one.sample_id, one.label, one.suggested_label) for one in found] == [
        (1, "s5", "cat", "dog"),
        (2, "s2", "dog", "cat"),
    ]
    assert found[0].self_confidence == pytest.approx(0.05)


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_it_does_what_confident_learning_says(seed: int, n: int) -> None:
    """Thresholds, counts and order agree with the slow definition, also when a label has no samples."""
    random = np.random.default_rng(seed)
    given, probs = random.integers(0, random.integers(1, 4), n), random.dirichlet([1, 1, 1], n)

    found = find_label_issues(IDS[:n], given, probs, labels=PETS)

    assert [one.sample_id for one in found] == [IDS[row] for row in by_hand(given, probs)]


def test_the_first_issues_are_wrong_labels() -> None:
    """With a fair model nine in ten of the first twenty label issues are wrong, where one label in ten is."""
    wrong = []
    for seed in range(8):
        truth, given, probs = noisy(seed)
        found = find_label_issues(IDS[:600], given, probs, labels=PETS)[:20]
        assert [one.rank for one in found] == list(range(1, 21))
        wrong += [truth[row] != given[row] for row in (int(one.sample_id[1:]) for one in found)]

    assert np.mean(wrong) >= 0.9


def test_the_order_of_the_samples_does_not_matter() -> None:
    """Shuffled rows give the same label issues in the same order."""
    _, given, probs = noisy(1)
    order = np.random.default_rng(2).permutation(600)

    shuffled = find_label_issues([IDS[row] for row in order], given[order], probs[order], labels=PETS)

    assert shuffled == find_label_issues(IDS[:600], given, probs, labels=PETS)


def test_no_gold_means_no_issues() -> None:
    """Nothing in, nothing out."""
    assert find_label_issues([], np.zeros(0, dtype=int), np.zeros((0, 3)), labels=PETS) == []


def test_rows_that_do_not_fit_are_refused() -> None:
    """Two samples with one row of probs are an error that says so."""
    with pytest.raises(LabelError, match="2 samples, 2 labels and 1 rows of probs do not match"):
        find_label_issues(IDS[:2], [0, 1], [[1.0, 0.0, 0.0]], labels=PETS)


def folds_of(columns: list[int], groups: list[str], *, n_folds: int, seed: int) -> list[Rows]:
    """Return the rows of each fold, as a model is asked to score them."""
    folds: list[Rows] = []

    def fit(train: Rows, held_out: Rows) -> Probs:
        assert {*train.tolist(), *held_out.tolist()} == set(range(len(columns)))
        folds.append(held_out)
        return np.full((len(held_out), 3), 1 / 3)

    cross_validated_probs(columns, groups, labels=PETS, fit=fit, n_folds=n_folds, seed=seed)
    return folds


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), min_size=3, max_size=120),
    st.integers(0, 5),
)
def test_near_duplicates_share_a_fold(rows: list[tuple[int, int]], seed: int) -> None:
    """Every sample is in one fold, and no group is in two."""
    groups = [f"g{label}-{number}" for label, number in rows]
    columns = [label for label, _ in rows]
    assume(len(set(groups)) >= 3)
    assume(max(columns.count(label) for label in set(columns)) >= 3)

    folds = folds_of(columns, groups, n_folds=3, seed=seed)

    assert sorted(row for fold in folds for row in fold.tolist()) == list(range(len(rows)))
    held = [{groups[row] for row in fold} for fold in folds]
    assert sum(len(one) for one in held) == len(set(groups))


@given(st.lists(st.integers(0, 2), min_size=6, max_size=90), st.integers(0, 5))
def test_each_label_is_spread_over_the_folds(columns: list[int], seed: int) -> None:
    """Without near-duplicates each fold has as many samples of a label as any other, or one more."""
    assume(max(columns.count(label) for label in set(columns)) >= 3)

    folds = folds_of(columns, [str(row) for row in range(len(columns))], n_folds=3, seed=seed)

    for label in set(columns):
        counts = [sum(columns[row] == label for row in fold) for fold in folds]
        assert max(counts) - min(counts) <= 1


def test_no_sample_is_scored_by_a_model_that_saw_it_or_its_copy() -> None:
    """Each row's probs come from the one model that trained on no sample of its group."""
    groups = [sample_id_of(str(number // 2).encode()) for number in range(40)]
    columns = np.arange(40) // 2 % 3
    seen: list[set[str]] = []

    def fit(train: Rows, test: Rows) -> Probs:
        seen.append({groups[row] for row in train})
        assert seen[-1].isdisjoint(groups[row] for row in test)
        probs = np.zeros((len(test), 3))
        probs[np.arange(len(test)), test % 3] = 1.0
        return probs

    probs = cross_validated_probs(columns, groups, labels=PETS, fit=fit, n_folds=4, seed=0)

    assert len(seen) == 4
    assert (probs.argmax(axis=1) == np.arange(40) % 3).all()


def test_too_few_groups_for_the_folds_are_refused() -> None:
    """Ten copies of one image cannot be cross-validated, nor a single sample of each label."""
    with pytest.raises(EmptyPoolError, match=r"got 1 groups and at most 10 samples of a label\. Label more"):
        folds_of([0] * 10, ["same"] * 10, n_folds=2, seed=0)
    with pytest.raises(EmptyPoolError, match="got 3 groups and at most 1 samples of a label"):
        folds_of([0, 1, 2], ["a", "b", "c"], n_folds=2, seed=0)
