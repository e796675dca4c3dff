"""The model of the label bench: a small residual network, cross-fitted on nothing but the people's votes.

Each half of the pictures is judged by a network that saw the votes of the other half alone. A network
trains in two stages: on the votes of its half; then on all pictures, where its half keeps what votes and
network together believe, and the other half gets what the network itself believes of the pictures
(self-training [xie2020]). Nobody's vote of the other half is read in either stage, so the probs of a sample
never depend on its own votes, nor on the order in which they came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from _common import say
from scipy.special import softmax
from torch import Tensor, nn
from torch.nn import functional

Pictures = npt.NDArray[np.uint8]
Votes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

RECIPE: dict[str, Any] = {
    "widths": [24, 64, 128, 192],
    "epochs_on_votes": 20,  # of half the pictures
    "epochs_on_beliefs": 12,  # of all pictures
    "learning_rates": [0.2, 0.1],  # peak of each stage
    "batch": 128,
    "weight_decay": 5e-4,
    "smoothing": 0.1,
    "belief_temperature": 0.5,  # trained on votes, a network is less sure than it is right: 0.65 calibrates
    "fold_seed": 99,
    "version": 1,
}
PADDING_PX = 4
HOLE_PX = 9
N_FOLDS = 2


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
    """Patches of 2 x 2 pixels first: most work is done at 16 x 16, which two CPU cores can bear.

    Pictures of 64 px are halved once more.
    """

    def __init__(self, n_labels: int, *, size_px: int = 32) -> None:
        super().__init__()
        a, b, c, d = RECIPE["widths"]
        halving = [nn.Conv2d(a, a, 2, stride=2, bias=False), nn.BatchNorm2d(a), nn.GELU()]
        self.body = nn.Sequential(
            nn.Conv2d(3, a, 2, stride=2, bias=False), nn.BatchNorm2d(a), nn.GELU(),
            *(halving if size_px >= 64 else []),
            _convolution(a, b), _Residual(b), nn.MaxPool2d(2),
            _convolution(b, c), _Residual(c), nn.MaxPool2d(2),
            _convolution(c, d), _Residual(d),
        )  # fmt: skip
        self.head = nn.Linear(d, n_labels)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, n_labels) of normalised pictures (n, 3, height, width)."""
        return self.head(self.body(x).amax((2, 3))) * 0.25


class Stock:
    """All pictures, normalised, with a margin to cut from."""

    def __init__(self, pictures: Pictures) -> None:
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        x = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)
        self.size = x.shape[-1]
        self.padded = functional.pad(x, (PADDING_PX,) * 4, mode="reflect")

    def cut(self, rows: Votes, down: Tensor, right: Tensor) -> Tensor:
        """Return the pictures `rows`, their window moved by so many pixels from the corner of the margin."""
        steps = torch.arange(self.size)
        picked = self.padded[
            torch.from_numpy(rows)[:, None, None], :,
            (down[:, None] + steps)[:, :, None], (right[:, None] + steps)[:, None, :],
        ]  # fmt: skip
        return picked.permute(0, 3, 1, 2)

    def augmented(self, rows: Votes, chance: torch.Generator) -> Tensor:
        """Return the pictures `rows`, each moved, mirrored or not, and with a square hole."""
        n = len(rows)

        def draw(high: int) -> Tensor:
            return torch.randint(0, high, (n,), generator=chance)

        x = self.cut(rows, draw(2 * PADDING_PX + 1), draw(2 * PADDING_PX + 1))
        mirrored = draw(2).bool()
        x[mirrored] = x[mirrored].flip(3)
        steps, down, right = torch.arange(self.size), draw(self.size), draw(self.size)
        is_row = (steps - down[:, None]).abs() <= HOLE_PX // 2
        is_column = (steps - right[:, None]).abs() <= HOLE_PX // 2
        x = x.masked_fill(is_row[:, None, :, None] & is_column[:, None, None, :], 0)
        return x.contiguous(memory_format=torch.channels_last)


def _batches(n: int, chance: torch.Generator) -> Iterator[Votes]:
    order = torch.randperm(n, generator=chance).numpy()
    for first in range(0, n - RECIPE["batch"] + 1, RECIPE["batch"]):
        yield order[first : first + RECIPE["batch"]]


def fit(
    network: nn.Module, stock: Stock, rows: Votes, targets: Floats, *, epochs: int, peak: float, seed: int
) -> None:
    """Train `network` on the pictures `rows` with `targets` (len(rows), n_labels), rows summing to 1."""
    chance = torch.Generator().manual_seed(seed)
    smoothing = RECIPE["smoothing"]
    smooth = torch.from_numpy(targets).float() * (1 - smoothing) + smoothing / targets.shape[1]
    n_steps = epochs * (len(rows) // RECIPE["batch"])
    optimizer = torch.optim.SGD(
        network.parameters(), peak, momentum=0.9, nesterov=True, weight_decay=RECIPE["weight_decay"]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        peak,
        total_steps=n_steps + 1,
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


@torch.no_grad()
def logits_of(
    network: nn.Module, stock: Stock, rows: Votes, *, places: tuple[tuple[int, int], ...] = ((0, 0),)
) -> Floats:
    """Return logits of the pictures `rows`: the mean of each and its mirror image, moved to each of `places`.

    Places are pixels down and right.
    """
    network.eval()
    found = []
    for first in range(0, len(rows), 500):
        part = rows[first : first + 500]
        total = torch.zeros(1)
        for down, right in places:
            shift = [torch.full((len(part),), PADDING_PX + by) for by in (down, right)]
            x = stock.cut(part, *shift).contiguous(memory_format=torch.channels_last)
            total = total + network(x) + network(x.flip(3))
        found.append(total / (2 * len(places)))
    return torch.cat(found).numpy().astype(np.float64)


def beliefs(logits: Floats, votes: Votes, n_rounds: int = 20) -> Floats:
    """Return what network and votes (n, n_votes) believe together, (n, n_labels): one confusion, by EM."""
    n_labels = logits.shape[1]
    prior = softmax(logits / RECIPE["belief_temperature"], axis=1)
    said = np.eye(n_labels)[votes]  # (n, n_votes, n_labels)
    confusion = np.full((n_labels, n_labels), 0.2 / (n_labels - 1))
    np.fill_diagonal(confusion, 0.8)
    for _ in range(n_rounds):
        belief = prior * np.exp((said @ np.log(confusion).T).sum(axis=1))
        belief /= belief.sum(axis=1, keepdims=True)
        confusion = belief.T @ said.sum(axis=1) + 1
        confusion /= confusion.sum(axis=1, keepdims=True)
    return belief


def _fold_logits(
    stock: Stock,
    votes: Votes,
    is_mine: npt.NDArray[np.bool_],
    recipe: dict[str, Any],
    *,
    n_labels: int,
    seed: int,
) -> Floats:
    """Return logits of the pictures that are not `is_mine`, from the votes of those that are."""
    torch.manual_seed(seed)
    network = Network(n_labels).to(memory_format=torch.channels_last)
    mine, rest = np.flatnonzero(is_mine), np.flatnonzero(~is_mine)
    shares = np.eye(n_labels)[votes[mine]].mean(axis=1)
    vote_rate, belief_rate = recipe["learning_rates"]
    fit(network, stock, mine, shares, epochs=recipe["epochs_on_votes"], peak=vote_rate, seed=seed)
    targets = np.concatenate(
        [
            beliefs(logits_of(network, stock, mine), votes[mine]),
            softmax(logits_of(network, stock, rest) / recipe["belief_temperature"], axis=1),
        ]
    )
    rows, epochs = np.concatenate([mine, rest]), recipe["epochs_on_beliefs"]
    fit(network, stock, rows, targets, epochs=epochs, peak=belief_rate, seed=seed + 1)
    return logits_of(network, stock, rest, places=((0, 0), (-2, -2), (2, 2)))


def cross_fitted_logits(
    pictures: Pictures, votes: Votes, *, n_labels: int, cache: Path, is_quick: bool = False
) -> Floats:
    """Return logits (n, n_labels) learnt from `votes` (n, n_votes) alone, kept in the folder `cache`.

    Minutes of training the first time, nothing afterwards; a changed recipe or vote trains anew.
    """
    recipe = RECIPE | ({"epochs_on_votes": 4, "epochs_on_beliefs": 2} if is_quick else {})
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode())
    for part in (pictures, votes.astype(np.int64)):
        digest.update(np.ascontiguousarray(part).tobytes())
    kept = cache / f"logits-{votes.shape[1]}-votes-{digest.hexdigest()[:16]}.npy"
    if not kept.exists():
        stock = Stock(pictures)
        fold = np.random.default_rng(recipe["fold_seed"]).permutation(len(pictures)) % N_FOLDS
        logits = np.zeros((len(pictures), n_labels))
        for number in range(N_FOLDS):
            say(f"training on {votes.shape[1]} vote(s) a picture, half {number + 1} of {N_FOLDS}")
            is_rest = fold == number
            logits[is_rest] = _fold_logits(stock, votes, ~is_rest, recipe, n_labels=n_labels, seed=number)
        cache.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npy")
        np.save(partial, logits.astype(np.float32))
        partial.replace(kept)
    found: Floats = np.load(kept).astype(np.float64)
    return found
