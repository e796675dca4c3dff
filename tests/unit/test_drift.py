"""Drift: no alarm where nothing moved, one that names what moved where something did."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from goldloop.core.codec import from_plain, to_text
from goldloop.core.errors import LabelError
from goldloop.core.labels import LabelSet
from goldloop.drift import sketches
from goldloop.drift.checks import LEAST_N, Check, check_drift, homogeneity, mean_shift
from goldloop.drift.sketches import Sketch, merged

DIGITS = LabelSet(tuple("012345678"))
NEW = 9
"""The digit that the model was not trained on."""

Outputs = tuple[np.ndarray, np.ndarray]
"""Probs and embeddings of digits, in the same order."""


@cache
def digits() -> tuple[np.ndarray, np.ndarray, object, np.ndarray]:
    """Return test pictures, their labels, a model of all digits but NEW, and its scaling."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    pixels, truth = load_digits(return_X_y=True)
    is_seen = (np.arange(len(truth)) % 3 == 0) & (truth != NEW)
    model = LogisticRegression(C=0.01, max_iter=500).fit(pixels[is_seen], truth[is_seen])
    basis = np.random.default_rng(5).normal(size=(64, 40))
    rest = np.arange(len(truth)) % 3 != 0
    return pixels[rest], truth[rest], model, basis


def outputs_of(pixels: np.ndarray) -> Outputs:
    """Return the model's probs and embeddings of pictures (n, 64)."""
    _, _, model, basis = digits()
    embeddings = np.maximum(pixels @ basis, 0).astype(np.float32)
    return model.predict_proba(pixels), embeddings  # type: ignore[attr-defined]


def drawn(n: int, seed: int, shares: dict[int, float] | None = None, darkened: float = 1.0) -> Sketch:
    """Return the sketch of n digits drawn with replacement and with weights."""
    pixels, truth, _, _ = digits()
    weights = np.where(truth == NEW, 0.0, 1.0)
    for digit, share in (shares or {}).items():
        others = (truth != digit) & (truth != NEW)
        weights[truth == digit] = share / (1 - share) * others.sum() / (truth == digit).sum()
    rows = np.random.default_rng(seed).choice(len(truth), n, p=weights / weights.sum())
    return sketch_of(outputs_of(pixels[rows] * darkened))


def sketch_of(outputs: Outputs, labels: LabelSet = DIGITS) -> Sketch:
    """Return the sketch of one minibatch."""
    return sketches.sketch_of(*outputs, labels)


def kinds(check: Check) -> set[str]:
    """Return the kinds of the changes."""
    return {drift.kind for drift in check.drifts}


def test_a_year_of_the_same_traffic_raises_at_most_two_alarms() -> None:
    """Fifty-two weekly batches of 500, each compared with all before it, and five years of them."""
    alarms = []
    for year in range(5):
        seen = [drawn(500, 1000 * year)]
        alarms.append(0)
        for week in range(1, 52):
            batch = drawn(500, 1000 * year + week)
            alarms[-1] += bool(check_drift(batch, merged(seen)).drifts)
            seen.append(batch)

    assert max(alarms) <= 2
    assert np.mean(alarms) <= 1


@pytest.mark.parametrize("seed", range(4))
def test_a_new_product_is_noticed_in_its_first_batch(seed: int) -> None:
    """A digit the model never learned, as an eighth of 600 samples, is seen whatever it is taken for."""
    check = check_drift(drawn(600, seed, {NEW: 0.125}), drawn(2400, 100 + seed))

    assert "embeddings" in kinds(check)


def test_a_label_that_grows_is_named_with_its_shares() -> None:
    """The sentence names the label and both shares."""
    check = check_drift(drawn(800, 1, {3: 0.25}), drawn(3000, 2))
    first = next(drift for drift in check.drifts if drift.kind == "labels")

    assert first.what == "3"
    assert 0.08 < first.before < 0.14
    assert 0.2 < first.now < 0.3
    assert first.sentence == (
        f"label '3' went from {100 * first.before:.1f} % to {100 * first.now:.1f} % of predictions"
    )


def test_a_dark_week_moves_confidence_and_embeddings() -> None:
    """Pictures with a third of the brightness change confidence and embeddings."""
    check = check_drift(drawn(300, 3, darkened=0.3), drawn(1500, 4))
    confidence = next(drift for drift in check.drifts if drift.kind == "confidence")
    embeddings = next(drift for drift in check.drifts if drift.kind == "embeddings")

    assert confidence.low is not None
    assert confidence.high is not None
    assert confidence.high < 1
    assert confidence.now - confidence.before > 0.2
    assert confidence.sentence.startswith(
        f"confidence {confidence.low:.2f} to {confidence.high:.2f} went from"
    )
    assert embeddings.now > 0.5
    assert "standard deviations" in embeddings.sentence


def test_a_huge_batch_does_not_raise_an_alarm_over_a_trifle() -> None:
    """A change of one point among 60,000 predictions is significant but not reported."""
    check = check_drift(drawn(60_000, 5, {3: 0.12}), drawn(60_000, 6))
    larger = check_drift(drawn(60_000, 5, {3: 0.16}), drawn(60_000, 6))

    assert check.drifts == ()
    assert [drift.what for drift in larger.drifts if drift.kind == "labels"] == ["3"]


def test_the_first_batch_of_a_model_has_nothing_to_be_compared_with() -> None:
    """Without a reference, or with a tiny one, the check gives the reason and no alarm."""
    for reference in (None, drawn(LEAST_N - 1, 7)):
        check = check_drift(drawn(500, 8, darkened=0.3), reference)

        assert check.drifts == ()
        assert "no drift check yet" in check.sentences[0]


def test_a_tiny_batch_is_too_small_to_tell() -> None:
    """A batch of fewer than 50 samples raises no alarm."""
    check = check_drift(drawn(LEAST_N - 1, 9, darkened=0.3), drawn(500, 10))

    assert check.drifts == ()
    assert check.sentences == (f"no drift check: the batch has {LEAST_N - 1} samples, {LEAST_N} are needed",)


def test_permuting_labels_permutes_what_moved() -> None:
    """The order of labels does not change the result."""
    pixels, truth, _, _ = digits()
    before, now = outputs_of(pixels[truth != NEW]), outputs_of(pixels[np.isin(truth, (2, 3, 4))])
    order = np.random.default_rng(11).permutation(9)
    other = LabelSet(tuple(DIGITS[column] for column in order))

    check = check_drift(sketch_of(now), sketch_of(before))
    same = check_drift(
        sketch_of((now[0][:, order], now[1]), other), sketch_of((before[0][:, order], before[1]), other)
    )

    assert [(drift.what, drift.sentence) for drift in check.drifts] == [
        (drift.what, drift.sentence) for drift in same.drifts
    ]
    assert [drift.now for drift in check.drifts] == pytest.approx([drift.now for drift in same.drifts])


def test_the_scale_of_embeddings_means_nothing() -> None:
    """Embeddings a thousand times larger, in batch and reference alike, give the same outcome."""
    pixels, _, _, _ = digits()
    probs, embeddings = outputs_of(pixels)
    half = len(probs) // 2

    small, large = (
        check_drift(
            sketch_of((probs[:half], (embeddings[:half] + 9) * factor)),
            sketch_of((probs[half:], embeddings[half:] * factor)),
        )
        for factor in (1.0, 1000.0)
    )

    assert "embeddings" in kinds(small)
    assert large.drifts[-1].now == pytest.approx(small.drifts[-1].now, rel=1e-4)


def test_embeddings_that_never_change_are_no_drift() -> None:
    """Constant embeddings raise no alarm of their own."""
    probs, _ = outputs_of(digits()[0])
    for constant in (0.0, 3.0):
        flat = np.full((len(probs), 4), constant, np.float32)

        assert check_drift(sketch_of((probs, flat)), sketch_of((probs, flat))).drifts == ()


def test_a_check_is_what_was_saved() -> None:
    """A check with drifts and one without a result survive JSON."""
    for check in (
        check_drift(drawn(300, 3, darkened=0.3), drawn(1500, 4)),
        check_drift(drawn(10, 3), None),
    ):
        assert from_plain(Check, json.loads(to_text(check))) == check


def test_models_with_other_labels_are_not_compared() -> None:
    """Sketches with different labels are an error."""
    two = LabelSet(("cat", "dog"))
    other = sketch_of((np.full((60, 2), 0.5), np.zeros((60, 1), np.float32)), two)

    with pytest.raises(LabelError, match="pass the sketches of one model version"):
        check_drift(drawn(60, 1), other)


def test_moves_that_are_certain_and_tiny_are_not_told() -> None:
    """Drift ignores negligible shifts: two points of confidence, a twelfth of a standard deviation."""
    rng = np.random.default_rng(12)
    two = LabelSet(("cat", "dog"))

    def made(n_unsure: int, moved: float) -> Sketch:
        sure = np.where(np.arange(60_000) < n_unsure, 0.55, 0.95)
        probs = np.stack([sure, 1 - sure], axis=1)
        probs[::2] = probs[::2, ::-1]
        return sketch_of((probs, (rng.normal(size=(60_000, 8)) + 2 + moved).astype(np.float32)), two)

    usual = made(6000, 0.0)

    assert check_drift(made(7200, 0.03), usual).drifts == ()
    assert kinds(check_drift(made(9600, 0.3), usual)) == {"confidence", "embeddings"}


def test_rare_labels_are_put_together_whatever_their_order() -> None:
    """A chi-square needs five expected counts a cell; which rare labels share one is no matter of order."""
    rng = np.random.default_rng(13)
    shares = rng.dirichlet(np.full(60, 0.3))
    now, before = rng.multinomial(120, shares), rng.multinomial(900, shares)
    order = rng.permutation(60)

    p_value = homogeneity(now, before, is_ordered=False)

    assert homogeneity(now[order], before[order], is_ordered=False) == pytest.approx(p_value)
    assert p_value > 0.001


def test_the_distance_told_is_without_what_chance_adds() -> None:
    """The distance is corrected for its bias: two draws of 200 samples have a distance near 0."""
    distances = [mean_shift(drawn(200, seed), drawn(200, 50 + seed))[1] for seed in range(10)]

    assert np.median(distances) < 0.25


def test_a_model_with_few_features_is_judged_by_as_many() -> None:
    """Embeddings of three features still give a valid test."""
    two = LabelSet(("cat", "dog"))

    def made(seed: int, moved: float) -> Sketch:
        rng = np.random.default_rng(seed)
        features = rng.normal(size=(500, 3)) + 4
        features[:, 0] += moved
        return sketch_of((np.full((500, 2), 0.5), features.astype(np.float32)), two)

    p_values = [mean_shift(made(seed, 0.0), made(100 + seed, 0.0))[0] for seed in range(200)]

    assert 0.4 < np.mean(p_values) < 0.6
    assert np.mean(np.array(p_values) < 0.05) < 0.11
    assert kinds(check_drift(made(1, 0.4), made(2, 0.0))) == {"embeddings"}
