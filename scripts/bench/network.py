"""A small residual network that two CPU cores can train on twenty thousand pictures in minutes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.bench.common import say
from scripts.bench.pictures import Columns, Floats, Images

WIDTHS = (24, 64, 128, 192)
BATCH, WEIGHT_DECAY, SMOOTHING = 128, 5e-4, 0.1
PADDING_PX, HOLE_PX = 4, 9
SCORED_AT_ONCE = 500

View = tuple[int, int, bool]
"""Pixels down and right by which a picture is moved, and whether it is mirrored."""


def _convolution(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)
    )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_convolution(width, width), _convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Network(nn.Module):
    """Patches of 2 x 2 pixels come first, so most work is done at 16 x 16; 64 px are halved once more."""

    def __init__(self, n_labels: int, *, size_px: int = 32) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        halving = [nn.Conv2d(a, a, 2, stride=2, bias=False), nn.BatchNorm2d(a), nn.GELU()]
        self.body = nn.Sequential(
            nn.Conv2d(3, a, 2, stride=2, bias=False), nn.BatchNorm2d(a), nn.GELU(),
            *(halving if size_px >= 64 else []),
            _convolution(a, b), _Residual(b), nn.MaxPool2d(2),
            _convolution(b, c), _Residual(c), nn.MaxPool2d(2),
            _convolution(c, d), _Residual(d),
        )  # fmt: skip
        self.head = nn.Linear(d, n_labels)

    def features(self, x: Tensor) -> Tensor:
        """Return the last features (n, WIDTHS[-1]) of normalised pictures (n, 3, height, width)."""
        return self.body(x).amax((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, n_labels) of normalised pictures (n, 3, height, width)."""
        return self.head(self.features(x)) * 0.25


class Stock:
    """All pictures, normalised, with a margin to cut views from.

    `like` is a stock whose normalisation is used: a broken camera must not be normalised away.
    """

    def __init__(self, images: Images, *, like: Stock | None = None) -> None:
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        self.moments: tuple[Tensor, Tensor] = (
            (x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True))
            if like is None
            else like.moments
        )
        self.size = x.shape[-1]
        mean, spread = self.moments
        self.padded = functional.pad((x - mean) / spread, (PADDING_PX,) * 4, mode="reflect")

    def cut(self, rows: Columns, down: Tensor, right: Tensor) -> Tensor:
        """Return the pictures `rows`, cut `down` and `right` pixels from the corner of the margin."""
        steps = torch.arange(self.size)
        picked = self.padded[
            torch.from_numpy(rows)[:, None, None], :,
            (down[:, None] + steps)[:, :, None], (right[:, None] + steps)[:, None, :],
        ]  # fmt: skip
        return picked.permute(0, 3, 1, 2)

    def seen(self, rows: Columns, view: View) -> Tensor:
        """Return the pictures `rows` in one view."""
        down, right, is_mirrored = view
        x = self.cut(rows, *(torch.full((len(rows),), PADDING_PX + by) for by in (down, right)))
        return (x.flip(3) if is_mirrored else x).contiguous(memory_format=torch.channels_last)

    def augmented(self, rows: Columns, chance: torch.Generator) -> Tensor:
        """Return the pictures `rows`, each moved, mirrored or not, and with a square hole."""

        def draw(high: int) -> Tensor:
            return torch.randint(0, high, (len(rows),), generator=chance)

        x = self.cut(rows, draw(2 * PADDING_PX + 1), draw(2 * PADDING_PX + 1))
        is_mirrored = draw(2).bool()
        x[is_mirrored] = x[is_mirrored].flip(3)
        steps, down, right = torch.arange(self.size), draw(self.size), draw(self.size)
        is_row = (steps - down[:, None]).abs() <= HOLE_PX // 2
        is_column = (steps - right[:, None]).abs() <= HOLE_PX // 2
        x = x.masked_fill(is_row[:, None, :, None] & is_column[:, None, None, :], 0)
        return x.contiguous(memory_format=torch.channels_last)


def new_network(n_labels: int, *, size_px: int = 32, seed: int) -> Network:
    """Return an untrained network whose weights `seed` draws."""
    torch.manual_seed(seed)
    return Network(n_labels, size_px=size_px).to(memory_format=torch.channels_last)


def fit(
    network: Network, stock: Stock, rows: Columns, targets: Floats, *, epochs: int, peak: float, seed: int
) -> None:
    """Train on the pictures `rows` with `targets` (len(rows), n_labels); `peak` is of the learning rate."""
    chance = torch.Generator().manual_seed(seed)
    smooth = torch.from_numpy(targets).float() * (1 - SMOOTHING) + SMOOTHING / targets.shape[1]
    optimizer = torch.optim.SGD(
        network.parameters(), peak, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        peak,
        total_steps=epochs * max(1, len(rows) // BATCH) + 1,
        pct_start=0.15,
        anneal_strategy="linear",
        cycle_momentum=False,
    )
    network.train()
    for epoch in range(epochs):
        total = 0.0
        for picked in _batches(len(rows), chance):
            logits = network(stock.augmented(rows[picked], chance))
            loss = -(smooth[picked] * functional.log_softmax(logits, 1)).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(picked)
        say(f"  epoch {epoch + 1} of {epochs}: loss {total / len(rows):.3f}")


def _batches(n: int, chance: torch.Generator) -> Iterator[Columns]:
    order = torch.randperm(n, generator=chance).numpy()
    for first in range(0, max(1, n - BATCH + 1), BATCH):
        yield order[first : first + BATCH]


@torch.no_grad()
def logits_of(network: Network, stock: Stock, rows: Columns, views: Sequence[View]) -> Floats:
    """Return the logits (len(rows), n_labels) of the pictures `rows`, a mean over `views`."""
    network.eval()
    parts = [rows[first : first + SCORED_AT_ONCE] for first in range(0, len(rows), SCORED_AT_ONCE)]
    means = [sum(network(stock.seen(part, view)) for view in views) / len(views) for part in parts]
    return torch.cat(means).numpy().astype(np.float64)


@torch.no_grad()
def features_of(network: Network, stock: Stock, rows: Columns, view: View) -> Floats:
    """Return the last features (len(rows), WIDTHS[-1]) of the pictures `rows` in one view."""
    network.eval()
    parts = [rows[first : first + SCORED_AT_ONCE] for first in range(0, len(rows), SCORED_AT_ONCE)]
    return torch.cat([network.features(stock.seen(part, view)) for part in parts]).numpy().astype(np.float64)
