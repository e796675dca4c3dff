"""A head and its frozen backbone as one graph from pictures to probs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.image.frozen import FrozenNetwork
from models.image.presets import FROZEN
from models.saved_head import HeadScorer


class HeadGraph(nn.Module):
    """The model as one graph: uint8 pictures (n, size, size, 3) to calibrated float32 probs (n, n_labels)."""

    centre: Tensor
    weights: Tensor
    biases: Tensor

    def __init__(self, scorer: HeadScorer) -> None:
        super().__init__()
        head, calibration = scorer.head, scorer.calibration
        self.network = FrozenNetwork(FROZEN[scorer.preset])
        folded = torch.from_numpy(head.basis @ head.weights.T) / calibration.temperature
        offsets = torch.tensor(calibration.offsets or (0.0,) * len(scorer.labels), dtype=torch.float32)
        self.register_buffer("centre", torch.from_numpy(head.mean))
        self.register_buffer("weights", folded)
        self.register_buffer("biases", torch.from_numpy(head.intercepts) / calibration.temperature + offsets)

    def forward(self, payloads: Tensor) -> Tensor:
        """Return the calibrated probs of `payloads`."""
        features = self.network(payloads)
        rows = features.sign() * features.abs().sqrt() - self.centre
        logits = functional.normalize(rows, dim=1) @ self.weights + self.biases
        probs: Tensor = logits.softmax(dim=1)
        return probs
