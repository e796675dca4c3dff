"""Frozen sentence encoders: features of texts from published weights that are never trained further."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from goldloop.core.errors import ModelError
from models.runtime import onnx_file, open_runtime
from models.text.backbone import TextBackbone
from models.text.bert import SentenceEncoder, adapted
from models.text.presets import FrozenTextPreset
from models.text.weights import model_files, read_tokenizer, read_weights


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
    return TextBackbone(preset, tokenizer, open_runtime(*_network(preset, weights)))


def backbone_files(preset: FrozenTextPreset) -> tuple[bytes, bytes]:
    """Return ONNX file and tokens of the backbone of `preset`; raises ModelError as `open_backbone`."""
    weights, tokens = model_files(preset)
    return onnx_file(*_network(preset, weights)), tokens.read_bytes()


def _network(
    preset: FrozenTextPreset, weights: Path
) -> tuple[str, Callable[[], torch.nn.Module], torch.Tensor, tuple[int, int]]:
    """Return a name of the network, what makes it, an example of what it takes, and the axes that differ."""
    name = f"{preset.name}-{preset.weights_sha256[:16]}"
    return name, lambda: encoder(preset, weights), torch.ones(2, 8, dtype=torch.int64), (0, 1)
