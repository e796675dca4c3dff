"""The holdout is evaluated by models of several presets, each of which gets the pictures that it takes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from goldloop.core.modality import Modality
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.gold.records import GoldVersion
from goldloop.modalities.kinds import open_modality
from goldloop.settings import Settings
from goldloop.training.evaluate import CHALLENGER, CHAMPION, evaluate_on_holdout
from models.image.frozen_trainer import FrozenTrainer
from models.image.presets import FORMS
from models.image.trainer import TorchTrainer
from tests.coloured import COLOURS
from tests.features import with_features
from tests.images import encoded
from tests.records import audited_record

HUES = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def kept_pictures(folder: Path, modality: Modality, n: int) -> list[tuple[SampleId, int]]:
    """Keep n pictures of three colours; return their ids and columns."""
    rng = np.random.default_rng(0)
    pairs = []
    for number in range(n):
        column = number % 3
        pixels = np.clip(np.array(HUES[COLOURS.names[column]]) + rng.normal(0, 20, (48, 64, 3)), 0, 255)
        content = encoded(Image.fromarray(pixels.astype(np.uint8)), "PNG")
        path = folder / f"{number}.png"
        path.write_bytes(content)
        modality.store.keep(sample_id_of(content), str(path))
        pairs.append((sample_id_of(content), column))
    return pairs


def test_a_challenger_of_a_new_preset_meets_the_champion_of_the_old_one(tmp_path: Path) -> None:
    """Each scores the holdout as it does alone, with pictures of its own form."""
    modality = open_modality("image", tmp_path, "efficientnet_lite0", FORMS, with_features(tmp_path))
    pairs = kept_pictures(tmp_path, modality, 60)
    trainers = {"1": TorchTrainer(epochs=3), "2": FrozenTrainer("efficientnet_lite0")}
    for version, trainer in trainers.items():
        load = modality.for_preset(trainer.preset).store.load
        trainer.train(pairs[:45], [], labels=COLOURS, load=load, folder=tmp_path / version)
    scorers = {version: trainers["2"].scorer(tmp_path / version) for version in trainers}
    evaluation = evaluate_on_holdout(
        roles={CHAMPION: "1", CHALLENGER: "2"},
        holdout=[audited_record(sample_id, COLOURS.names[column]) for sample_id, column in pairs[45:]],
        version=GoldVersion(1, "digest", 15, 15, 0, 0, 0, datetime(2026, 3, 2, tzinfo=UTC), None, "pull"),
        settings=Settings(name="colours", labels=COLOURS.names),
        scorer_of=scorers.__getitem__,
        modality=modality,
        current=[],
    )
    ids = [sample_id for sample_id, _ in pairs[45:]]
    for version, scorer in scorers.items():
        load = modality.for_preset(scorer.preset).store.load
        alone = scorer([load(sample_id).payload for sample_id in ids]).probs
        np.testing.assert_allclose(evaluation.probs[version], alone, atol=1e-6)
    assert evaluation.evaluations[CHALLENGER].accuracy.value == 1
