"""Cross-fitting: a head learns from audited samples, and for each there is one that did not learn from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, sample_id_of
from goldloop.core.splits import JUDGING_FOLDS
from models.image import head as head_module
from models.image.cross_fit import cross_fit, plain_fit
from models.image.frozen_trainer import FrozenTrainer
from models.image.presets import FROZEN

LABELS = LabelSet(("red", "green", "blue"))
N_FEATURES = FROZEN["efficientnet_lite0"].n_features
N_TRAIN, N_AUDITS = 40, 60
FOLDS = np.arange(N_AUDITS) % JUDGING_FOLDS


def drawn(
    n_features: int = 30, *, seed: int = 0, n: int = N_TRAIN + N_AUDITS
) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, n_features) of three overlapping kinds, the same for all seeds, and columns."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 3, n)
    centres = np.abs(np.random.default_rng(7).normal(0, 1, (3, n_features)))
    return np.abs(centres[columns] + rng.normal(0, 1.5, (n, n_features))).astype(np.float32), columns


def with_other_labels(columns: np.ndarray, fold: int) -> np.ndarray:
    """Return `columns` with other labels for the audited samples of `fold`."""
    changed = columns.copy()
    rows = N_TRAIN + np.flatnonzero(fold == FOLDS)
    changed[rows] = (changed[rows] + 1) % 3
    return changed


@pytest.mark.parametrize("fold", range(JUDGING_FOLDS))
def test_the_head_of_a_fold_does_not_know_its_labels(fold: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other labels there it is the same head bit for bit, unlike the head itself and its other folds."""
    monkeypatch.setattr(head_module, "cross_validated", lambda *_: 3.0)
    features, columns = drawn()
    weights = np.ones(N_AUDITS)
    before = cross_fit(features, columns, weights, labels=LABELS, folds=FOLDS)
    after = cross_fit(features, with_other_labels(columns, fold), weights, labels=LABELS, folds=FOLDS)

    np.testing.assert_array_equal(before.folds[fold].weights, after.folds[fold].weights)
    np.testing.assert_array_equal(before.logits[fold == FOLDS], after.logits[fold == FOLDS])
    assert not np.array_equal(before.head.weights, after.head.weights)
    assert not np.array_equal(before.folds[fold - 1].weights, after.folds[fold - 1].weights)


def test_a_head_that_learns_from_audits_is_better() -> None:
    """On new samples, as it knows two and a half times as many."""
    features, columns = drawn()
    new, truth = drawn(seed=1, n=2000)
    weights = np.ones(N_AUDITS)
    apart = plain_fit(features, columns, weights, labels=LABELS)
    both = cross_fit(features, columns, weights, labels=LABELS, folds=FOLDS)

    right = [np.mean(fitted.head.logits(new).argmax(axis=1) == truth) for fitted in (apart, both)]
    assert right[1] > right[0] + 0.02


def test_a_fold_without_samples_is_judged_by_the_head_itself() -> None:
    """With two audited samples three folds are empty."""
    features, columns = drawn()
    cut = N_TRAIN + 2
    fitted = cross_fit(features[:cut], columns[:cut], np.ones(2), labels=LABELS, folds=np.array([1, 3]))

    assert [fold is fitted.head for fold in fitted.folds] == [True, False, True, False, True]


def saved(folder: Path, *, with_folds: bool) -> FrozenTrainer:
    """Save a model to `folder`/model; return its trainer."""
    features, columns = drawn(N_FEATURES)
    ids = [sample_id_of(f"{number}".encode()) for number in range(len(columns))]
    rows = dict(zip(ids, features.astype(np.float16), strict=True))
    pairs = list(zip(ids, columns.tolist(), strict=True))
    trainer = FrozenTrainer("efficientnet_lite0")
    trainer.train(
        pairs[:N_TRAIN],
        pairs[N_TRAIN:],
        labels=LABELS,
        load=lambda sample_id: Decoded(rows[sample_id]),
        folder=folder / "model",
        folds=FOLDS.tolist() if with_folds else None,
    )
    return trainer


def test_a_saved_model_has_a_model_for_each_fold(tmp_path: Path) -> None:
    """They say something else than the model itself, each with a calibration of its own."""
    scorer = saved(tmp_path, with_folds=True).scorer(tmp_path / "model")
    features, _ = drawn(N_FEATURES, seed=3)
    probs = scorer(list(features)).probs

    assert len(scorer.folds) == JUDGING_FOLDS
    for judge in scorer.folds:
        assert not np.allclose(judge(list(features)).probs, probs, atol=1e-4)
        assert np.mean(judge(list(features)).probs.argmax(1) == probs.argmax(1)) > 0.8


def test_a_model_without_folds_is_read(tmp_path: Path) -> None:
    """Those of earlier versions learnt from no audited sample, and their cards name no folds."""
    trainer = saved(tmp_path, with_folds=False)
    card = tmp_path / "model" / "card.json"
    fields = json.loads(card.read_text())
    kept = {key: value for key, value in fields.items() if not key.startswith("fold_")}
    card.write_text(json.dumps(kept))

    assert trainer.scorer(tmp_path / "model").folds == ()


def test_folds_that_the_card_does_not_know_are_refused(tmp_path: Path) -> None:
    """A file of weights beside the card of another model."""
    trainer = saved(tmp_path, with_folds=True)
    card = tmp_path / "model" / "card.json"
    fields = json.loads(card.read_text())
    card.write_text(json.dumps(fields | {"fold_temperatures": [], "fold_offsets": []}))

    with pytest.raises(ModelError, match="does not hold a head"):
        trainer.scorer(tmp_path / "model")
