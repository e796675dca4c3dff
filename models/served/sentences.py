"""The loader of models on sentence embeddings: texts in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy.typing as npt

from goldloop.modalities.features import WithFeatures
from models.saved_model import preset_of
from models.served.answers import ServedClassifier, folders_of
from models.served.words import text_in
from models.session import Runtime
from models.text.backbone import TextBackbone
from models.text.presets import FROZEN
from models.text.sentences import load_sentences
from models.text.tokens import tokenizer_of

NETWORK, TOKENS = "network.onnx", "tokenizer.json"


def _load_pyfunc(model: str) -> ServedClassifier:
    """Return the model in the folder `model`, for MLflow."""
    return load(*folders_of(model))


def load(saved: Path, beside: Path) -> ServedClassifier:
    """Return the model saved in `saved`, whose backbone is in `beside`."""
    preset, scorer = FROZEN[preset_of(saved)], load_sentences(saved)
    runtime = Runtime((beside / NETWORK).read_bytes())
    backbone = TextBackbone(preset, tokenizer_of(beside / TOKENS, preset.size), runtime)

    def score(texts: Sequence[str]) -> npt.ArrayLike:
        features = backbone.features(texts)
        return scorer([WithFeatures(*pair) for pair in zip(texts, features, strict=True)]).probs

    return ServedClassifier(scorer.labels, text_in, score)
