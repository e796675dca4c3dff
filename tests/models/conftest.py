"""Fixtures of the model tests: one small trained model for all of them, and a web server with weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models import runtime
from models.image.trainer import TorchTrainer
from tests.coloured import COLOURS, coloured
from tests.site import Site, serving


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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Yield a web server, beside empty caches of torch and of goldloop."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(runtime.platformdirs, "user_cache_dir", lambda _: str(tmp_path / "cache"))
    with serving(tmp_path / "site") as site:
        yield site
