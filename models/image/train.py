"""Training: gradient steps on gold, and the best checkpoint on validation."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from goldloop.stats.metrics import Weights
from models.image.data import Pictures, augmented
from models.image.network import Classifier
from models.image.presets import Preset
from models.training import MIN_CALIBRATION, validation_figures

CHECKPOINTS = 10
"""How often a training is looked at, evenly spaced."""

BATCH_SIZE = 32
_WEIGHT_DECAY = 0.05
_SMOOTHING = 0.1
_WARMUP = 0.1
_MINIBATCH = 128


def steps_of(preset: Preset, n: int, *, epochs: int | None) -> int:
    """Return the number of minibatches to train for on `n` samples; `epochs` None leaves it to the preset."""
    per_epoch = math.ceil(n / BATCH_SIZE)
    if epochs is not None:
        return epochs * per_epoch
    return min(max(preset.epochs * per_epoch, preset.min_steps), preset.max_steps)


def fit(
    network: Classifier,
    train: Pictures,
    validation: Pictures,
    *,
    weights: Weights,
    preset: Preset,
    is_mirrored: bool,
    learning_rate: float,
    n_steps: int,
    generator: torch.Generator,
    advance: Callable[[float], None],
) -> dict[str, tuple[float, ...]]:
    """Train `network` in place and leave it at its best checkpoint; return figures by name and checkpoint.

    Labels weigh in the loss with the root of their rarity: full balance would cost accuracy on what is common
    and make rare labels overconfident. `weights` (n,) are those of `validation`, inverse inclusion
    probabilities. `advance` gets the share done, 0 to 1.
    """
    device = network.mean.device
    network.to(memory_format=torch.channels_last)
    label_weights = _label_weights(train.columns, n_labels=network.head.out_features).to(device)
    optimiser = torch.optim.AdamW(_groups(network), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, n_steps))
    watch = _Watch(network, validation, weights)
    batches = _batches(len(train), generator)
    losses: list[float] = []
    for step in range(n_steps):
        rows = next(batches)
        network.train()
        pictures = network.normalised(train.rows(rows))
        outputs, _ = network(augmented(pictures, preset, is_mirrored=is_mirrored, generator=generator))
        target = torch.from_numpy(train.columns[rows]).to(device)
        loss = functional.cross_entropy(outputs, target, weight=label_weights, label_smoothing=_SMOOTHING)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if (step + 1) * CHECKPOINTS // n_steps > step * CHECKPOINTS // n_steps:
            watch.look(float(np.mean(losses)), is_late=step >= n_steps // 2)
            losses = []
            advance((step + 1) / n_steps)
    watch.restore_best()
    return {name: tuple(values) for name, values in watch.history.items()}


class _Watch:
    """Looks at a network in training; remembers its best late state by validation accuracy."""

    def __init__(self, network: Classifier, validation: Pictures, weights: Weights) -> None:
        self._network, self._validation, self._weights = network, validation, weights
        self._best: dict[str, Tensor] | None = None
        self._best_accuracy = -1.0
        self.history: dict[str, list[float]] = defaultdict(list)

    def look(self, loss: float, *, is_late: bool) -> None:
        logits = logits_of(self._network, self._validation)
        figures = validation_figures(logits, self._validation.columns, self._weights)
        for name, value in {"train/loss": loss, **figures}.items():
            self.history[name].append(value)
        if not is_late or len(self._validation) < MIN_CALIBRATION:
            return
        if figures["validation/accuracy"] >= self._best_accuracy:
            self._best_accuracy = figures["validation/accuracy"]
            self._best = copy.deepcopy(self._network.state_dict())

    def restore_best(self) -> None:
        if self._best is not None:
            self._network.load_state_dict(self._best)


def logits_of(network: Classifier, pictures: Pictures) -> npt.NDArray[np.float64]:
    """Return the logits of all `pictures`, float64 (n, n_labels), with the network as in scoring."""
    network.eval()
    parts = [np.zeros((0, network.head.out_features))]
    with torch.inference_mode():
        for start in range(0, len(pictures), _MINIBATCH):
            rows = np.arange(start, min(start + _MINIBATCH, len(pictures)))
            logits, _ = network(network.normalised(pictures.rows(rows)))
            parts.append(logits.double().cpu().numpy())
    return np.concatenate(parts)


def _label_weights(columns: npt.NDArray[np.int64], *, n_labels: int) -> Tensor:
    """Return a weight per label: the root of its rarity, of mean 1 over samples; 1 if it has none."""
    counts = np.bincount(columns, minlength=n_labels)
    roots = 1 / np.sqrt(np.maximum(counts, 1))
    weights = roots * counts.sum() / (roots * counts).sum()
    return torch.from_numpy(np.where(counts > 0, weights, 1.0)).float()


def _groups(network: Classifier) -> list[dict[str, object]]:
    """Return the parameters for the optimiser: only matrices and kernels decay."""
    kernels = [tensor for tensor in network.parameters() if tensor.ndim > 1]
    others = [tensor for tensor in network.parameters() if tensor.ndim <= 1]
    return [{"params": kernels, "weight_decay": _WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]


def _rate(step: int, n_steps: int) -> float:
    """Return the share of the learning rate at `step`: a linear warm-up, then half a cosine down to 0."""
    warmup = max(1, round(_WARMUP * n_steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, n_steps - warmup)))


def _batches(n: int, generator: torch.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of minibatches for ever: every sample once an epoch, in an order drawn anew."""
    while True:
        order = torch.randperm(n, generator=generator).numpy()
        yield from np.array_split(order, math.ceil(n / BATCH_SIZE))
