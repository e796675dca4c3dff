"""Calibration of a trained model: fitted on weighted audits, saved with it, applied wherever it scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from goldloop.core.errors import InvalidProbabilitiesError
from goldloop.stats.calibration import Calibration
from models.image.saved import Exportable, load
from models.image.trainer import TorchTrainer
from tests.coloured import COLOURS, coloured, payloads_of


def copied(model: Path, folder: Path, **changes: object) -> Path:
    """Return `folder` with a copy of the saved model whose card says `changes`; None takes a line out."""
    card = {**json.loads((model / "card.json").read_text()), **changes}
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps({key: one for key, one in card.items() if one is not None}))
    (folder / "weights.pt").write_bytes((model / "weights.pt").read_bytes())
    return folder


def test_calibration_lowers_the_loss_on_new_pictures(model: Path, tmp_path: Path) -> None:
    """What was fitted explains new pictures better than the bare network does."""
    payloads, truth = payloads_of(300, seed=5)

    def loss(folder: Path) -> float:
        probs = TorchTrainer().scorer(folder)(payloads).probs
        return float(-np.log(probs[np.arange(len(truth)), truth]).mean())

    assert load(model)[1].calibration != Calibration()
    assert loss(model) < loss(copied(model, tmp_path / "raw", temperature=1.0, offsets=[]))


def test_too_little_validation_means_no_calibration_and_a_note(tmp_path: Path) -> None:
    """Under 20 validation samples the temperature stays 1 and the user is told why."""
    pairs, load_picture = coloured(60)
    result = TorchTrainer(epochs=1).train(
        pairs[:41], pairs[41:], labels=COLOURS, load=load_picture, folder=tmp_path / "m"
    )

    assert load(tmp_path / "m")[1].calibration == Calibration()
    assert result.notes == (
        "confidence is not calibrated: 19 validation samples, 20 are needed; "
        "the audit brings more every round",
    )


def test_a_model_from_before_offsets_still_scores(model: Path, tmp_path: Path) -> None:
    """A card that has a temperature and no word of offsets is read, and means no offsets."""
    payloads, _ = payloads_of(10, seed=6)
    old = copied(model, tmp_path / "old", offsets=None)
    none = copied(model, tmp_path / "none", offsets=[])

    assert load(old)[1].calibration == Calibration(load(model)[1].temperature)
    np.testing.assert_array_equal(
        TorchTrainer().scorer(old)(payloads).probs, TorchTrainer().scorer(none)(payloads).probs
    )


def test_scorer_and_exported_graph_apply_offsets_alike(model: Path, tmp_path: Path) -> None:
    """An offset of log 3 for a label triples its odds, in the scorer and in the graph others serve."""
    payloads, _ = payloads_of(40, seed=7)
    plain = copied(model, tmp_path / "plain", offsets=[])
    tilted = copied(model, tmp_path / "tilted", offsets=[float(np.log(3)), 0.0, 0.0])

    before, after = (TorchTrainer().scorer(folder)(payloads).probs for folder in (plain, tilted))
    exported = Exportable(*load(tilted))(torch.from_numpy(np.stack(payloads))).numpy()

    np.testing.assert_allclose(after[:, 0] / after[:, 1], 3 * before[:, 0] / before[:, 1])
    np.testing.assert_allclose(exported, after, atol=1e-6)


def test_validation_counts_by_its_weights(tmp_path: Path) -> None:
    """Answers that stand for much traffic decide how sure the model may be."""
    pairs, load_picture = coloured(160)
    train, validation = pairs[:100], pairs[100:]
    wrong = [(sample_id, (column + 1) % 3) for sample_id, column in validation[:20]]

    def temperature(weight: float) -> float:
        folder = tmp_path / f"weight {weight}"
        TorchTrainer(epochs=4).train(
            train,
            [*wrong, *validation[20:]],
            labels=COLOURS,
            load=load_picture,
            folder=folder,
            validation_weights=[weight] * 20 + [1.0] * 40,
        )
        return load(folder)[1].temperature

    assert temperature(4.0) > 1.2 * temperature(0.05)


def test_each_validation_sample_has_one_weight(tmp_path: Path) -> None:
    """Another number of weights than samples is refused before anything is trained."""
    pairs, load_picture = coloured(60)

    with pytest.raises(InvalidProbabilitiesError, match=r"weights have shape \(2,\), but there are 20"):
        TorchTrainer(epochs=1).train(
            pairs[:40],
            pairs[40:],
            labels=COLOURS,
            load=load_picture,
            folder=tmp_path / "m",
            validation_weights=[1.0, 2.0],
        )
