"""Cross-fitting: a head learns from validation, and is calibrated by heads that did not learn from a fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldloop.core.labels import LabelSet
from goldloop.core.samples import Decoded, sample_id_of
from goldloop.core.splits import VALIDATION_FOLDS
from models import head as head_module
from models.cross_fit import cross_fit, plain_fit
from models.head import Head
from models.image.frozen_trainer import FrozenTrainer
from models.image.presets import FROZEN
from models.linear import CrossValidation

LABELS = LabelSet(("red", "green", "blue"))
N_FEATURES = FROZEN["efficientnet_lite0"].n_features
N_TRAIN, N_AUDITS = 40, 60
FOLDS = np.arange(N_AUDITS) % VALIDATION_FOLDS


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


@pytest.mark.parametrize("fold", range(VALIDATION_FOLDS))
def test_what_calibrates_a_fold_does_not_know_its_labels(fold: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other labels there the logits of the fold are the same bit for bit, unlike the head and others."""
    monkeypatch.setattr(head_module, "cross_validated", lambda *_: CrossValidation(3.0))
    features, columns = drawn()
    weights = np.ones(N_AUDITS)
    before = cross_fit(Head.fitted, features, columns, weights, labels=LABELS, folds=FOLDS)
    after = cross_fit(
        Head.fitted, features, with_other_labels(columns, fold), weights, labels=LABELS, folds=FOLDS
    )

    np.testing.assert_array_equal(before.logits[fold == FOLDS], after.logits[fold == FOLDS])
    assert not np.array_equal(before.model.weights, after.model.weights)
    assert not np.array_equal(before.logits[fold != FOLDS], after.logits[fold != FOLDS])


def test_a_head_that_learns_from_validation_is_better() -> None:
    """On new samples, as it knows two and a half times as many."""
    features, columns = drawn()
    new, truth = drawn(seed=1, n=2000)
    weights = np.ones(N_AUDITS)
    apart = plain_fit(Head.fitted, features, columns, weights, labels=LABELS)
    both = cross_fit(Head.fitted, features, columns, weights, labels=LABELS, folds=FOLDS)

    right = [np.mean(fitted.model.logits(new).argmax(axis=1) == truth) for fitted in (apart, both)]
    assert right[1] > right[0] + 0.02


def test_a_few_validation_samples_leave_folds_empty() -> None:
    """With two of them three folds are; nothing is calibrated, and a note says so."""
    features, columns = drawn()
    cut = N_TRAIN + 2
    fitted = cross_fit(
        Head.fitted, features[:cut], columns[:cut], np.ones(2), labels=LABELS, folds=np.array([1, 3])
    )

    assert fitted.logits.shape == (2, 3)
    assert fitted.calibration.temperature == 1
    assert "2 validation samples" in fitted.notes[0]


@pytest.mark.parametrize("with_folds", [False, True])
def test_with_folds_a_model_learns_from_validation(tmp_path: Path, with_folds: bool) -> None:
    """Without train samples of a label, only validation can teach it."""
    features, columns = drawn(N_FEATURES)
    ids = [sample_id_of(f"{number}".encode()) for number in range(len(columns))]
    rows = dict(zip(ids, features.astype(np.float16), strict=True))
    pairs = list(zip(ids, columns.tolist(), strict=True))
    trainer = FrozenTrainer("efficientnet_lite0")
    trainer.train(
        [pair for pair in pairs[:N_TRAIN] if pair[1] < 2],
        pairs[N_TRAIN:],
        labels=LABELS,
        load=lambda sample_id: Decoded(rows[sample_id]),
        folder=tmp_path / "model",
        folds=FOLDS.tolist() if with_folds else None,
    )
    probs = trainer.scorer(tmp_path / "model")(list(features)).probs

    assert bool(probs[:, 2].max() > 0.5) is with_folds
