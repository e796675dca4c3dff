"""The head of a simulation: fitted on ever more rows, like that of a model; and the command that uses it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from goldloop.adapters.delta import open_tables
from goldloop.adapters.feature_files import FeatureFiles
from goldloop.cli.main import app
from goldloop.core.samples import sample_id_of
from goldloop.settings.kinds import FEATURE_PRESETS, PRESETS
from goldloop.settings.sections import ModelSettings
from goldloop.settings.workspace import Workspace
from goldloop.tables.gold_store import GoldStore
from goldloop.training.ports import FeatureTrainer
from models.growing_head import GrowingHead
from models.head import Head
from models.image.presets import FROZEN
from models.image.trainer import TorchTrainer
from models.kinds import FROZEN as ALL_FROZEN
from models.kinds import TRAINERS
from models.linear import CrossValidation
from tests.records import audited_record, gold_record

N, LABELS = 120, ("red", "green", "blue")


def drawn(n_features: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Return features (N, n_features) of three overlapping kinds, and columns."""
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 3, N)
    centres = np.abs(np.random.default_rng(7).normal(0, 1, (3, n_features)))
    return np.abs(centres[columns] + rng.normal(0, 1, (N, n_features))).astype(np.float16), columns


def test_on_all_rows_it_is_the_head_of_a_model() -> None:
    """The same components and regularisation, so the same labels."""
    features, columns = drawn()
    probs = GrowingHead.on(features, 3)(np.arange(N), columns)
    logits = Head.fitted(features.astype(np.float32), columns, 3).logits(features.astype(np.float32))

    assert probs.sum(axis=1) == pytest.approx(1)
    assert (probs.argmax(axis=1) == logits.argmax(axis=1)).mean() > 0.98


def test_a_fresh_head_remembers_nothing() -> None:
    """It fits as the first did, whatever the first has learnt since."""
    features, columns = drawn()
    head = GrowingHead.on(features, 3)
    rows = np.arange(30)
    first = head(rows, columns[rows])
    head(np.arange(N), columns)

    np.testing.assert_array_equal(head.fresh()(rows, columns[rows]), first)


def test_regularisation_is_chosen_again_when_rows_have_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 20, 40 and 80 of the sizes 20, 30, 40, 60, 80."""
    sizes: list[int] = []
    monkeypatch.setattr(
        "models.growing_head.cross_validated",
        lambda rows, *_: sizes.append(len(rows)) or CrossValidation(1.0),
    )
    features, columns = drawn()
    head = GrowingHead.on(features, 3)
    for n in (20, 30, 40, 60, 80):
        head(np.arange(n), columns[:n])

    assert sizes == [20, 40, 80]


def test_presets_with_features_have_trainers_that_fit_on_them() -> None:
    """The settings name those that the models have, and others fit on no features."""
    assert set(FEATURE_PRESETS) == set(ALL_FROZEN)
    for kind, presets in PRESETS.items():
        for preset in set(presets) & set(FEATURE_PRESETS):
            assert isinstance(TRAINERS[kind](ModelSettings(preset=preset)), FeatureTrainer)
    assert not isinstance(TorchTrainer(), FeatureTrainer)


def test_the_command_compares_strategies_on_gold(tmp_path: Path) -> None:
    """As a table with a verdict and as JSON; no server runs, no table changes."""
    preset = FROZEN["efficientnet_lite0"]
    workspace = Workspace.create(tmp_path / "shop", labels=LABELS, model={"preset": preset.name})
    features, columns = drawn(preset.n_features)
    ids = [sample_id_of(f"{number}".encode()) for number in range(N)]
    kept = FeatureFiles(workspace.root / "features" / preset.key, preset.n_features)
    kept.add(dict(zip(ids, features, strict=True)))
    make = {True: audited_record, False: gold_record}
    records = [make[row % 2 == 0](ids[row], LABELS[columns[row]]) for row in range(N)]
    tables = open_tables(workspace.tables)
    GoldStore(tables.gold).commit(lambda: records, reason=lambda _: "answers")
    words = ["selection", "compare", "--seeds", "2", "--workspace", str(workspace.root)]

    printed = CliRunner().invoke(app, words, catch_exceptions=False)
    told = json.loads(CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).stdout)

    assert "90 samples to choose from, 60 audits to test, 2 seeds" in printed.stdout
    assert "margin_kmeans" in printed.stdout
    assert told["comparison"]["sizes"] == [9, 18, 27, 36, 45, 54]
    assert told["comparison"]["curves"][0]["pair"] == ["random", "random"]
    assert told["verdict"][0] in printed.stdout
    assert tables.gold.version() == 1
