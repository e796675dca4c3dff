"""Fixtures of the model tests: one small trained model for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.image.trainer import TorchTrainer
from tests.coloured import COLOURS, coloured


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small trained model."""
    pairs, load = coloured(120)
    validation, load_validation = coloured(60, seed=1)
    loaders = {
        **dict.fromkeys([one for one, _ in pairs], load),
        **dict.fromkeys([one for one, _ in validation], load_validation),
    }
    folder = tmp_path_factory.mktemp("model") / "saved"
    TorchTrainer(epochs=12).train(
        pairs, validation, labels=COLOURS, load=lambda one: loaders[one](one), folder=folder
    )
    return folder
