"""The networks, a body for features and a linear head for logits, and what they run on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.image.presets import IMAGENET_MEAN, IMAGENET_STD, Preset

TINY_WIDTHS = (24, 48, 96)


class Classifier(nn.Module):
    """Body and head; takes normalised pictures (n, 3, size, size), returns logits and features."""

    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, n_features: int, n_labels: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(n_features, n_labels)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def normalised(self, payloads: Tensor) -> Tensor:
        """Return decoded pictures, uint8 (n, size, size, 3) on any device, as `forward` takes them."""
        pictures = payloads.to(self.mean.device).permute(0, 3, 1, 2).float()
        return ((pictures / 255 - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (n, n_labels) and the features before the head (n, n_features)."""
        features = self.body(pictures)
        return self.head(features), features


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = _convolution(width, width)

    def forward(self, values: Tensor) -> Tensor:
        """Return the values plus what the convolutions make of them."""
        return functional.relu(values + self.second(functional.relu(self.first(values))))


class TinyBody(nn.Module):
    """A residual net of .26 million weights for 32 px (any side from 8 to 64 works).

    The stem halves the side at once, so that a picture costs about 27 million multiplications.
    """

    n_features = TINY_WIDTHS[-1]

    def __init__(self) -> None:
        super().__init__()
        first, second, third = TINY_WIDTHS
        self.stem = _convolution(3, first, stride=2)
        self.middle = _convolution(first, second)
        self.middle_residual = Residual(second)
        self.late = _convolution(second, third, stride=2)
        self.late_residual = Residual(third)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the features, shape (n, n_features)."""
        values = functional.relu(self.stem(pictures))
        values = self.middle_residual(functional.relu(self.middle(values)))
        values = self.late_residual(functional.relu(self.late(values)))
        features: Tensor = values.mean(dim=(2, 3))
        return features


def _convolution(n_in: int, n_out: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(n_out)
    )


def fold_normalisation(network: nn.Module) -> None:
    """Merge each batch normalisation into the convolution registered before it, in place; only for scoring.

    The tiny preset scores 1.4 times as fast; logits move by rounding, about 1e-7.
    """
    previous: tuple[str, nn.Conv2d] | None = None
    for name, child in list(network.named_children()):
        if isinstance(child, nn.BatchNorm2d) and previous is not None:
            setattr(network, previous[0], fuse_conv_bn_eval(previous[1], child))
            setattr(network, name, nn.Identity())
        previous = (name, child) if isinstance(child, nn.Conv2d) else None
        fold_normalisation(child)


def device_of(preset: Preset) -> torch.device:
    """Return the accelerator for presets that gain from it, else the CPU, where a seed decides every bit."""
    return torch.device("cuda" if preset.threads is None and torch.cuda.is_available() else "cpu")


@contextmanager
def threads_of(preset: Preset) -> Iterator[None]:
    """Compute with the preset's number of threads inside the block; None leaves torch's own choice."""
    before = torch.get_num_threads()
    if preset.threads is not None:
        torch.set_num_threads(preset.threads)
    try:
        yield
    finally:
        if preset.threads is not None:
            torch.set_num_threads(before)
