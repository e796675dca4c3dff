"""Input that the image trainer refuses: each error names what was wrong and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldloop.core.errors import EmptyPoolError, LabelError, ModelError
from goldloop.core.samples import Decoded, SampleId
from models.image.trainer import TorchTrainer
from tests.coloured import COLOURS, coloured, trained


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    """Without samples there is no model, and the message says what to do."""
    with pytest.raises(
        EmptyPoolError, match="0 samples to train on; let people answer some tasks and pull first"
    ):
        trained(tmp_path / "m", [], lambda _: Decoded(None))


def test_a_column_outside_the_label_set_is_an_error(tmp_path: Path) -> None:
    """A label that does not exist is named with its sample."""
    with pytest.raises(LabelError, match="sample x has column 3, the label set has 3 labels"):
        trained(tmp_path / "m", [(SampleId("x"), 3)], lambda _: Decoded(None))


def test_a_payload_of_another_size_is_an_error(model: Path, tmp_path: Path) -> None:
    """Training and scoring both refuse pictures that were read for another preset."""
    wrong = np.zeros((64, 64, 3), dtype=np.uint8)
    with pytest.raises(
        ModelError, match=r"sample x is uint8 \(64, 64, 3\), this preset takes uint8 \(32, 32, 3\)"
    ):
        trained(tmp_path / "m", [(SampleId("x"), 0)], lambda _: Decoded(wrong))
    with pytest.raises(
        ModelError, match=r"payload 0 is uint8 \(64, 64, 3\), this preset takes uint8 \(32, 32, 3\)"
    ):
        TorchTrainer().scorer(model)([wrong])


def test_a_model_is_never_overwritten(model: Path) -> None:
    """Training into a folder that holds a model is refused and leaves it as it was."""
    before = (model / "card.json").read_bytes()
    pairs, load = coloured(5)
    with pytest.raises(ModelError, match="holds a model already; choose an empty folder"):
        trained(model, pairs, load)

    assert (model / "card.json").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"preset": "huge"}, "model preset 'huge' is unknown; choose one of tiny, resnet18, convnext_tiny"),
        ({"weights": "best"}, "weights 'best' is unknown; choose auto, pretrained or scratch"),
        (
            {"weights": "pretrained"},
            "preset 'tiny' has no pretrained weights; set weights to 'auto' or 'scratch'",
        ),
    ],
)
def test_settings_that_cannot_be_met_are_errors(
    tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    """An unknown preset or weights that do not exist are refused by name."""
    pairs, load = coloured(5)
    with pytest.raises(ModelError, match=message):
        TorchTrainer(**settings).train(pairs, [], labels=COLOURS, load=load, folder=tmp_path / "m")
