"""Scoring: decoded pictures in, calibrated probabilities and embeddings out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldloop.core.errors import ModelError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scores
from models.image.compute import device_of, threads_of
from models.image.network import Classifier, Normalise, fold_normalisation
from models.image.presets import PRESETS
from models.image.saved import ImageCard, load


class TorchScorer:
    """A saved classifier. Satisfies `goldloop.core.ports.Scorer`; payloads are uint8 (size, size, 3)."""

    def __init__(self, network: Classifier, card: ImageCard) -> None:
        self.card = card
        self._preset = PRESETS[card.preset]
        self._device = device_of(self._preset)
        fold_normalisation(network.eval())
        self._network = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._normalise = Normalise(card.mean, card.std).to(self._device)

    @property
    def labels(self) -> LabelSet:
        """Label set whose order the columns of `probs` follow."""
        return self.card.label_set

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return probs and embeddings of `payloads`, which do not depend on what else is in the minibatch.

        Raises:
            ModelError: a payload is not of this model's size and type.
        """
        if not len(payloads):
            return Scores(
                np.zeros((0, len(self.card.labels))),
                np.zeros((0, self._network.head.in_features), np.float32),
            )
        batch = torch.from_numpy(self._stacked(payloads)).to(self._device)
        with threads_of(self._preset), torch.inference_mode():
            pictures = self._normalise(batch).contiguous(memory_format=torch.channels_last)
            logits, features = self._network(pictures)
            return Scores(
                self.card.calibration.apply(logits.double().cpu().numpy()), features.float().cpu().numpy()
            )

    def _stacked(self, payloads: Sequence[Any]) -> npt.NDArray[np.uint8]:
        shape = (self._preset.size, self._preset.size, 3)
        for row, payload in enumerate(payloads):
            if np.shape(payload) != shape or np.asarray(payload).dtype != np.uint8:
                raise ModelError(
                    f"payload {row} is {np.asarray(payload).dtype} {np.shape(payload)}, preset "
                    f"{self.card.preset!r} takes uint8 {shape}; read the images with the model's own size"
                )
        return np.stack([np.asarray(payload) for payload in payloads])


def load_scorer(folder: Path) -> TorchScorer:
    """Return the model saved in `folder` as a scorer.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    return TorchScorer(*load(folder))


class Exportable(nn.Module):
    """The model as one graph: uint8 pictures (n, size, size, 3) to calibrated float32 probs (n, n_labels)."""

    def __init__(self, network: Classifier, card: ImageCard) -> None:
        super().__init__()
        self.normalise = Normalise(card.mean, card.std)
        self.network = network
        self.temperature = float(card.temperature)
        self.offsets: Tensor
        offsets = card.offsets or (0.0,) * len(card.labels)
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.float32), persistent=False)

    def forward(self, payloads: Tensor) -> Tensor:
        """Return the calibrated probs of `payloads`."""
        logits, _ = self.network(self.normalise(payloads))
        probs: Tensor = (logits / self.temperature + self.offsets).softmax(dim=1)
        return probs


def exportable(folder: Path) -> tuple[nn.Module, npt.NDArray[np.uint8]]:
    """Return the model saved in `folder` for torch.export, and an example batch of 2 pictures.

    What is exported runs wherever torch is, without this package. The example has two pictures because
    a batch of one would be frozen into the graph.
    """
    network, card = load(folder)
    size = PRESETS[card.preset].size
    example = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    return Exportable(network, card).eval(), example
