"""The saved head: head.npz beside its card, and its scorer on the features of a frozen backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from goldloop.stats.calibration import Calibration
from models.frozen_preset import FrozenPreset
from models.head import Head
from models.saved_model import CARD, Card, read_card, reading, saving

WEIGHTS = "head.npz"
_ARRAYS = ("mean", "basis", "weights", "intercepts")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadCard(Card):
    """The card of a head: also the weights of the backbone, and the form of the samples that it takes."""

    backbone_sha256: str
    licence: str
    size: int
    fit: str
    inverse_regularisation: float


AnyHeadCard = TypeVar("AnyHeadCard", bound=HeadCard)
AnyPreset = TypeVar("AnyPreset", bound=FrozenPreset)


def save(folder: Path, head: Head, card: HeadCard) -> None:
    """Write `head` and `card` into `folder`; raises ModelError where it holds a model already."""
    with saving(folder, card):
        write_head(folder, head)


def write_head(folder: Path, head: Head) -> None:
    """Write the arrays of `head` into `folder`."""
    np.savez(folder / WEIGHTS, **{name: getattr(head, name) for name in _ARRAYS})


def checked_card(
    folder: Path, presets: Mapping[str, AnyPreset], form: type[AnyHeadCard]
) -> tuple[AnyHeadCard, AnyPreset]:
    """Return the card in `folder` and its backbone; raises ModelError where it is none of `presets`."""
    card = read_card(folder, form)
    preset = presets.get(card.preset)
    of_card = (card.backbone_sha256, card.size, card.fit)
    if preset is None or (preset.weights_sha256, preset.size, preset.fit) != of_card:
        raise ModelError(
            f"{folder / CARD} is a head on {card.preset!r} at size {card.size} ({card.fit}) with weights "
            f"{card.backbone_sha256[:12]}..., which this goldloop does not have (it has "
            f"{', '.join(presets)}); use the goldloop that trained it, or retrain"
        )
    return card, preset


def read_head(folder: Path, card: HeadCard, preset: FrozenPreset) -> Head:
    """Return the head in `folder`; raises ModelError where it is missing or does not fit its card."""
    path, n_labels, n_features = folder / WEIGHTS, len(card.labels), preset.n_features
    flaw = f"does not hold a head of {n_labels} labels on {n_features} features"
    with reading(path, flaw), np.load(path, allow_pickle=False) as arrays:
        head = Head(**arrays, inverse_regularisation=card.inverse_regularisation, roots=preset.roots)
        n_components = head.basis.shape[1]
        wanted = (n_features,), (n_features, n_components), (n_labels, n_components), (n_labels,)
        shapes = tuple(array.shape for array in (head.mean, head.basis, head.weights, head.intercepts))
        if shapes != wanted:
            raise ValueError(f"its arrays have the shapes {shapes}")
    return head


def load(folder: Path, presets: Mapping[str, FrozenPreset]) -> HeadScorer:
    """Return the model saved in `folder`, whose backbone is one of `presets`.

    Raises:
        ModelError: a file is missing or damaged, head and card do not fit each other, or this goldloop lacks
            the backbone.
    """
    card, preset = checked_card(folder, presets, HeadCard)
    return HeadScorer(preset, read_head(folder, card, preset), card.label_set, card.calibration)


@dataclass(frozen=True, slots=True)
class HeadScorer:
    """A saved head. Satisfies `goldloop.core.ports.Scorer`; payloads are the features of its backbone."""

    backbone: FrozenPreset
    head: Head
    labels: LabelSet
    calibration: Calibration

    @property
    def preset(self) -> str:
        """Preset of the backbone."""
        return self.backbone.name

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return probs, and the features as embeddings; raises ModelError where a payload has others."""
        features = checked_features(payloads, self.backbone)
        return Scores(self.calibration.apply(self.head.logits(features)), features)


def checked_features(payloads: Sequence[Any], preset: FrozenPreset) -> npt.NDArray[np.float32]:
    """Return `payloads` as float32 (n, n_features); raises ModelError where one is something else."""
    for row, payload in enumerate(payloads):
        if np.shape(payload) != (preset.n_features,):
            raise ModelError(
                f"payload {row} has the shape {np.shape(payload)}, a head on {preset.name!r} takes "
                f"{preset.n_features} features; read the samples with `Modality.for_preset`"
            )
    return np.array(payloads, dtype=np.float32).reshape(-1, preset.n_features)
