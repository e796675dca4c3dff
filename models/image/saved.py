"""The saved image classifier: weights.pt (tensors only) beside its card, its scorer, and its graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from goldloop.core.errors import ModelError
from goldloop.core.ports import Scores
from models.image.backbone import checked_picture
from models.image.backbones import empty_network
from models.image.network import Classifier, device_of, fold_normalisation, threads_of
from models.image.presets import IMAGENET_MEAN, IMAGENET_STD, PRESETS
from models.saved_model import CARD, Card, read_card, reading, saving

WEIGHTS = "weights.pt"
RESIZE = "fit into a square, pad with 124, 116, 104; bilinear, antialiased"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCard(Card):
    """The card of an image classifier: also where its weights came from and how pictures are fed to it."""

    weights_origin: str
    is_mirrored: bool
    size: int = 0
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    resize: str = RESIZE
    torch: str = torch.__version__


def save(folder: Path, network: Classifier, card: ImageCard) -> None:
    """Write `network` and `card` into `folder`; raises ModelError where it holds a model already."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with saving(folder, card):
        torch.save(state, folder / WEIGHTS)


def load(folder: Path) -> tuple[Classifier, ImageCard]:
    """Return the classifier saved in `folder`, ready to score on the CPU, and its card.

    Raises:
        ModelError: a file is missing or damaged, or card and weights do not fit each other or this version.
    """
    card = read_card(folder, ImageCard)
    path, n_labels = folder / WEIGHTS, len(card.labels)
    is_known = card.preset in PRESETS and card.size == PRESETS[card.preset].size
    if not is_known or (card.resize, card.mean, card.std) != (RESIZE, IMAGENET_MEAN, IMAGENET_STD):
        raise ModelError(
            f"{folder / CARD} names preset {card.preset!r} at {card.size} px, resized by {card.resize!r}, "
            f"with mean {card.mean} and deviation {card.std}, which this goldloop does not have (it has "
            f"{', '.join(PRESETS)}); use the goldloop that trained it, or retrain"
        )
    network = empty_network(PRESETS[card.preset], n_labels)
    with reading(path, f"does not hold weights of preset {card.preset!r} with {n_labels} labels"):
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval().requires_grad_(requires_grad=False)
    return network, card


class TorchScorer:
    """A saved classifier. Satisfies `goldloop.core.ports.Scorer`; payloads are uint8 (size, size, 3)."""

    def __init__(self, network: Classifier, card: ImageCard) -> None:
        self.preset, self.labels, self._calibration = card.preset, card.label_set, card.calibration
        self._preset = PRESETS[card.preset]
        fold_normalisation(network.eval())
        self._network = network.to(device_of(self._preset), memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores, the same in any minibatch; raises ModelError for another size or type."""
        size = self._preset.size
        pictures = [
            checked_picture(payload, name=f"payload {row}", size=size) for row, payload in enumerate(payloads)
        ]
        batch = torch.from_numpy(np.array(pictures, dtype=np.uint8).reshape(-1, size, size, 3))
        with threads_of(self._preset), torch.inference_mode():
            logits, features = self._network(self._network.normalised(batch))
            probs = self._calibration.apply(logits.double().cpu().numpy())
            return Scores(probs, features.float().cpu().numpy())


class Exportable(nn.Module):
    """The model as one graph: uint8 pictures (n, size, size, 3) to calibrated float32 probs (n, n_labels)."""

    def __init__(self, network: Classifier, card: ImageCard) -> None:
        super().__init__()
        self.network = network
        self.temperature = float(card.temperature)
        self.offsets: Tensor
        offsets = card.offsets or (0.0,) * len(card.labels)
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.float32), persistent=False)

    def forward(self, payloads: Tensor) -> Tensor:
        """Return the calibrated probs of `payloads`."""
        logits, _ = self.network(self.network.normalised(payloads))
        probs: Tensor = (logits / self.temperature + self.offsets).softmax(dim=1)
        return probs
