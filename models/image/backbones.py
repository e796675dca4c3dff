"""torchvision's backbones and their ImageNet weights; the only module that imports torchvision.

torchvision is compiled against one build of torch: beside another its import fails (`torchvision::nms`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from goldloop.core.errors import ModelError
from models.image.network import Classifier, TinyBody
from models.image.presets import Preset
from models.image.weights import cannot_be_had
from models.weights import cached, check_digest, download


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
    path, expected = cached(source.url), source.url.rsplit("-", 1)[-1].partition(".")[0]
    try:
        if not path.exists():
            download(source.url, expected, path)
        check_digest(path, expected)
        backbone = getattr(vision, preset.name)(weights=None)
        backbone.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, ValueError, RuntimeError) as error:
        remedy = f"Connect to the internet and run the command again, put {source.url} into {path.parent}"
        if weights == "pretrained":
            remedy += ", set `weights` in [model] of goldloop.toml to 'auto' or 'scratch'"
        reason = cannot_be_had(preset.name, error, remedy)
        if weights == "pretrained":
            raise reason from error
        note = f"{reason}. Training from scratch instead: expect far lower accuracy from few labels"
        return replace(scratch, notes=(note,))
    network = Classifier(*_without_head(backbone), n_labels)
    return Start(network, f"pretrained: {source.url}", preset.finetune_learning_rate)


def headless(name: str) -> nn.Module:
    """Return the backbone `name` of torchvision without weights, which gives features in place of classes."""
    return _without_head(getattr(_torchvision(), name)(weights=None))[0]


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
