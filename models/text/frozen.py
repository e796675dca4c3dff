"""Frozen sentence encoders: features of texts from published weights that are never trained further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from goldloop.core.errors import ModelError
from models.runtime import Runtime, open_runtime
from models.text.bert import SentenceEncoder, adapted
from models.text.presets import FrozenTextPreset
from models.text.weights import model_files, read_tokenizer, read_weights
from models.text.words import checked_texts


@dataclass(frozen=True, slots=True)
class TextBackbone:
    """A network from texts to features. Satisfies `goldloop.core.ports.Backbone`.

    It reads the first tokens of a text, as many as the preset takes (256 for `minilm`, about 200 English
    words; 512 for `bge_small`), and cuts off the others. Each text is computed by itself: nothing is padded,
    and a text has the same features, bit for bit, beside any others.
    """

    preset: FrozenTextPreset
    tokenizer: Any
    runtime: Runtime

    def features(self, payloads: Sequence[Any]) -> npt.NDArray[np.float16]:
        """Return the features of texts, (n, n_features); raises ModelError for a payload that is no text."""
        texts = list(checked_texts(payloads))
        if not texts:
            return np.empty((0, self.preset.n_features), dtype=np.float16)
        tokens = self.tokenizer.encode_batch_fast(texts)
        rows = self.runtime(np.array([one.ids], dtype=np.int64) for one in tokens)
        return np.concatenate(rows).astype(np.float16)


def encoder(preset: FrozenTextPreset, path: Path) -> SentenceEncoder:
    """Return the network of `preset` with the weights in the file `path`.

    Raises:
        ModelError: the file holds another network, or a package is missing.
    """
    network = SentenceEncoder(preset.depth, preset.pooling)
    try:
        network.load_state_dict(adapted(read_weights(preset, path)))
    except (OSError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"{path} does not hold the network of preset {preset.name!r}: {error}; use the goldloop that it "
            "belongs to"
        ) from error
    network.eval().requires_grad_(requires_grad=False)
    return network


@cache
def open_backbone(preset: FrozenTextPreset) -> TextBackbone:
    """Return the backbone of `preset`.

    Raises:
        ModelError: its weights are missing or damaged.
    """
    weights, tokens = model_files(preset)
    tokenizer = read_tokenizer(preset, tokens)
    name = f"{preset.name}-{preset.weights_sha256[:16]}"
    example = torch.ones(2, 8, dtype=torch.int64)
    return TextBackbone(
        preset, tokenizer, open_runtime(name, lambda: encoder(preset, weights), example, any_length=(0, 1))
    )
