"""A saved image model: it loads and exports with the same scores, and a damaged one is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from goldloop.core.errors import ModelError
from models.image.trainer import TorchTrainer
from tests.coloured import payloads_of


def test_a_trained_model_labels_new_pictures(model: Path) -> None:
    """What was learned carries over to pictures never seen."""
    payloads, truth = payloads_of(150, seed=2)
    scores = TorchTrainer().scorer(model)(payloads)

    assert np.mean(scores.probs.argmax(axis=1) == truth) > 0.8


def test_scores_are_probabilities_and_embeddings(model: Path) -> None:
    """Rows of float64 probs sum to 1; embeddings are float32, one row each."""
    payloads, _ = payloads_of(20, seed=3)
    scores = TorchTrainer().scorer(model)(payloads)

    assert (scores.probs.dtype, scores.embeddings.dtype) == (np.float64, np.float32)
    assert scores.probs.shape == (20, 3)
    assert scores.embeddings.shape[0] == 20
    np.testing.assert_allclose(scores.probs.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_scores_do_not_depend_on_the_minibatch(model: Path, size: int) -> None:
    """However a batch is cut into minibatches, each picture gets the same probs."""
    payloads, _ = payloads_of(100, seed=4)
    scorer = TorchTrainer().scorer(model)
    whole = scorer(payloads).probs
    parts = np.concatenate([scorer(payloads[start : start + size]).probs for start in range(0, 100, size)])

    np.testing.assert_allclose(parts, whole, atol=1e-6)


def test_nothing_to_score_gives_no_rows(model: Path) -> None:
    """An empty minibatch has the right number of columns and no rows."""
    scores = TorchTrainer().scorer(model)([])

    assert scores.probs.shape == (0, 3)
    assert scores.embeddings.shape[0] == 0


def test_a_saved_model_loads_in_another_process_and_folder(model: Path, tmp_path: Path) -> None:
    """A fresh process elsewhere gives the very same probs."""
    payloads, _ = payloads_of(10, seed=6)
    np.save(tmp_path / "payloads.npy", np.stack(payloads))
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom models.image.trainer import TorchTrainer\n"
        "probs = TorchTrainer().scorer(Path(sys.argv[1]))(list(np.load('payloads.npy'))).probs\n"
        "np.save('probs.npy', probs)"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code, str(model)], cwd=tmp_path, env=environment, check=True)

    np.testing.assert_array_equal(
        np.load(tmp_path / "probs.npy"), TorchTrainer().scorer(model)(payloads).probs
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["red", "green"]}, "does not hold weights of preset 'tiny' with 2 labels"),
        ({"labels": ["red"]}, "is no card of a model: LabelError: a label set needs at least two labels"),
        ({"preset": "huge"}, "names preset 'huge' at 32 px"),
        ({"size": 64}, "names preset 'tiny' at 64 px"),
        ({"temperature": 0}, "temperature must be a positive number, got 0"),
        ({"offsets": [0.1, -0.1]}, "it has 2 offsets for 3 labels"),
        (
            {"offsets": [0.1, -0.1, None]},
            "is no card of a model: TypeError: must be real number, not NoneType",
        ),
        ({"format_version": 99}, "has format version 99, this goldloop reads 1"),
        ({"surprise": 1}, "is no card of a model: TypeError: .*surprise"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    model: Path, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """Each way in which card and weights can disagree is an error that names it."""
    card = json.loads((model / "card.json").read_text())
    (tmp_path / "card.json").write_text(json.dumps({**card, **change}))
    (tmp_path / "weights.pt").write_bytes((model / "weights.pt").read_bytes())

    with pytest.raises(ModelError, match=message):
        TorchTrainer().scorer(tmp_path)


def test_missing_and_damaged_files_are_refused(model: Path, tmp_path: Path) -> None:
    """No card, no weights, cut weights and weights that would run code are all errors that name the file."""
    with pytest.raises(
        ModelError, match=r"card\.json is missing, this folder holds no whole model; download"
    ):
        TorchTrainer().scorer(tmp_path)
    (tmp_path / "card.json").write_text((model / "card.json").read_text())
    with pytest.raises(
        ModelError, match=r"weights\.pt is missing, this folder .*; download the model again or retrain"
    ):
        TorchTrainer().scorer(tmp_path)
    whole = (model / "weights.pt").read_bytes()
    torch.save(Path("code that would run"), tmp_path / "code.pt")
    for content in (b"", whole[: len(whole) // 2], b"text", (tmp_path / "code.pt").read_bytes()):
        (tmp_path / "weights.pt").write_bytes(content)
        with pytest.raises(ModelError, match=r"weights\.pt does not hold weights of preset 'tiny'"):
            TorchTrainer().scorer(tmp_path)
