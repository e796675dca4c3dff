"""Trust in labels: a head counts a label less where fits that did not learn from it find it unlikely."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from models import head as head_module
from models.head import Head
from models.linear import MISTAKEN, CrossValidation, cross_validated

N_LABELS, N_FEATURES = 4, 24
Drawn = tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]


def drawn(n: int, *, seed: int) -> Drawn:
    """Return n samples whose features scatter around the mean of their label."""
    means = np.random.default_rng(0).normal(0, 1, (N_LABELS, N_FEATURES))
    rng = np.random.default_rng([seed, 1])
    columns = rng.integers(N_LABELS, size=n).astype(np.intp)
    return (means[columns] + rng.normal(0, 1.6, (n, N_FEATURES))).astype(np.float32), columns


def with_mistakes(columns: npt.NDArray[np.intp], share: float) -> npt.NDArray[np.intp]:
    """Return `columns` with another label for a share of the samples."""
    rng = np.random.default_rng(3)
    is_wrong = rng.random(len(columns)) < share
    return np.where(is_wrong, (columns + rng.integers(1, N_LABELS, len(columns))) % N_LABELS, columns)


def accuracy(given: npt.NDArray[np.intp], features: npt.NDArray[np.float32]) -> float:
    """Return the accuracy on new samples of a head that learnt the `given` labels."""
    new, truth = drawn(4000, seed=9)
    return float(np.mean(Head.fitted(features, given, N_LABELS).logits(new).argmax(axis=1) == truth))


def test_trust_is_the_posterior_of_a_right_label() -> None:
    """A label at chance keeps the prior, a certain one has all trust, an impossible one none."""
    probs = np.array([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    logits, is_known = np.log(np.maximum(probs, 1e-12)), np.ones(3, dtype=bool)

    found = CrossValidation(1.0, logits, is_known).trust(np.zeros(3, dtype=np.intp))

    np.testing.assert_allclose(found, [1 - MISTAKEN, 1, 0], atol=1e-9)


def test_the_only_sample_of_a_rare_label_counts_in_full() -> None:
    """No other fit could know its label, so that nothing speaks against it."""
    features, columns = drawn(120, seed=2)
    kept = np.flatnonzero(columns != 3)
    rows = np.concatenate([kept, np.flatnonzero(columns == 3)[:1]])

    head = Head.fitted(features[rows], columns[rows], N_LABELS)

    assert head.trust is not None
    assert head.trust[-1] == 1
    assert head.logits(features[rows[-1:]]).argmax() == 3


def test_without_cross_validation_every_label_counts() -> None:
    """Few samples cannot tell which label is wrong."""
    features, columns = drawn(9, seed=0)

    chosen = cross_validated(features.astype(float), columns, N_LABELS)

    assert chosen.trust(columns).tolist() == [1.0] * 9


def test_mistaken_labels_are_trusted_less() -> None:
    """The fits that did not learn from a sample know better."""
    features, columns = drawn(400, seed=1)
    given = with_mistakes(columns, 0.1)

    trust = Head.fitted(features, given, N_LABELS).trust

    assert trust is not None
    assert trust[given == columns].mean() > 0.95
    assert trust[given != columns].mean() < 0.8


@pytest.mark.parametrize(("share", "least_gain"), [(0.0, -0.004), (0.2, 0.005)])
def test_trust_helps_among_mistakes_and_costs_nothing_without(
    share: float, least_gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On new samples, the mean of ten draws."""
    draws = [drawn(200, seed=seed) for seed in range(10)]
    trusting = [accuracy(with_mistakes(columns, share), features) for features, columns in draws]

    def without_logits(*arguments: object) -> CrossValidation:
        return CrossValidation(cross_validated(*arguments).inverse_regularisation)  # type: ignore[arg-type]

    monkeypatch.setattr(head_module, "cross_validated", without_logits)
    plain = [accuracy(with_mistakes(columns, share), features) for features, columns in draws]

    assert np.mean(trusting) - np.mean(plain) > least_gain
