"""torchvision's backbones and their ImageNet weights; the only module that imports torchvision.

torchvision is compiled against one build of torch: beside another its import fails (`torchvision::nms`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from goldloop.core.errors import ModelError
from models.image.network import Classifier, TinyBody
from models.image.presets import Preset

TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class Start:
    """A classifier before training, the origin of its weights, how fast to train it, and notes for users."""

    network: Classifier
    origin: str
    learning_rate: float
    notes: tuple[str, ...] = ()


def empty_network(preset: Preset, n_labels: int) -> Classifier:
    """Return the classifier of `preset` with random weights from torch's current generator."""
    if preset.name == "tiny":
        return Classifier(TinyBody(), TinyBody.n_features, n_labels)
    vision = _torchvision()
    backbone = getattr(vision, preset.name)(weights=None)
    return Classifier(*_without_head(backbone), n_labels)


def start_network(preset: Preset, n_labels: int, *, weights: str) -> Start:
    """Return the classifier of `preset` to train from; `weights` is auto, pretrained or scratch.

    auto takes ImageNet weights where they can be had (torch's cache, else a download) and says so where not.

    Raises:
        ModelError: pretrained weights were demanded and cannot be had, or `weights` is none of the three.
    """
    if weights not in ("auto", "pretrained", "scratch"):
        raise ModelError(f"weights {weights!r} is unknown; choose auto, pretrained or scratch")
    scratch = Start(empty_network(preset, n_labels), "scratch", preset.learning_rate)
    if weights == "scratch" or (weights == "auto" and preset.finetune_learning_rate is None):
        return scratch
    if preset.finetune_learning_rate is None:
        raise ModelError(
            f"preset {preset.name!r} has no pretrained weights; set weights to 'auto' or 'scratch'"
        )
    vision = _torchvision()
    source = vision.get_model_weights(preset.name).DEFAULT
    try:
        state = _downloaded(source.url)
        backbone = getattr(vision, preset.name)(weights=None)
        backbone.load_state_dict(state)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (
            f"pretrained weights of {preset.name} cannot be had ({error}); put {source.url} into {_cache()}"
        )
        if weights == "pretrained":
            raise ModelError(f"{reason}, or set weights to 'auto'") from error
        note = f"{reason}. Training from scratch instead: expect far lower accuracy from few labels"
        return replace(scratch, notes=(note,))
    network = Classifier(*_without_head(backbone), n_labels)
    return Start(network, f"pretrained: {source.url}", preset.finetune_learning_rate)


def _torchvision() -> Any:
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:
        raise ModelError(
            f"torchvision does not fit torch {torch.__version__}: {error}; install both from the same index"
        ) from error
    return models


def _without_head(backbone: Any) -> tuple[nn.Module, int]:
    """Return `backbone` without its ImageNet head, and the number of features it then gives."""
    if hasattr(backbone, "fc"):
        n_features = int(backbone.fc.in_features)
        backbone.fc = nn.Identity()
    else:
        n_features = int(backbone.classifier[-1].in_features)
        backbone.classifier[-1] = nn.Identity()
    return backbone, n_features


def _cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _downloaded(url: str) -> dict[str, torch.Tensor]:
    """Return the weights at `url`, from torch's cache or downloaded into it, with a timeout torch lacks."""
    path = _cache() / url.rsplit("/", 1)[-1]
    expected = path.stem.rsplit("-", 1)[-1]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, beside.open("wb") as file:
                shutil.copyfileobj(answer, file)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(expected):
        raise ValueError(f"{path} is damaged: SHA-256 {digest[:8]} where {expected} was expected; delete it")
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state
