"""Training: gradient steps on gold, the best checkpoint on validation, calibration."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from goldloop.stats.calibration import Calibration
from goldloop.stats.metrics import Weights
from models.image.data import Augmentation, Pictures, is_mirror_safe
from models.image.network import Classifier, Normalise
from models.image.presets import Preset
from models.training import MIN_CALIBRATION, calibrated

CHECKPOINTS = 10
"""How often a training is looked at, evenly spaced."""

_SMOOTHING = 0.1
_WARMUP = 0.1
_MINIBATCH = 128


@dataclass(frozen=True, slots=True)
class Fit:
    """What a training came to; `history` has one value per checkpoint by name, `notes` are for the user."""

    calibration: Calibration
    history: dict[str, tuple[float, ...]]
    is_mirrored: bool
    n_steps: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Validation:
    """Randomly drawn pictures with their weights (n,), inverse inclusion probabilities."""

    pictures: Pictures
    weights: Weights

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train."""

    preset: Preset
    learning_rate: float
    epochs: int | None

    def n_steps(self, n: int) -> int:
        """Return the number of minibatches for `n` samples."""
        per_epoch = math.ceil(n / self.preset.batch_size)
        if self.epochs is not None:
            return self.epochs * per_epoch
        return min(max(self.preset.epochs * per_epoch, self.preset.min_steps), self.preset.max_steps)


def fit(
    network: Classifier,
    train: Pictures,
    validation: Validation,
    *,
    plan: Plan,
    generator: torch.Generator,
    advance: Callable[[float], None],
) -> Fit:
    """Train `network` in place, leave it at its best checkpoint, and calibrate it.

    Labels weigh in the loss with the root of their rarity: full balance would cost accuracy on what is common
    and make rare labels overconfident. Validation must be a random draw, or its calibration means nothing.
    `advance` gets the share done, 0 to 1.
    """
    device = next(network.parameters()).device
    network.to(memory_format=torch.channels_last)
    augment = Augmentation(plan.preset, is_mirror_safe(train))
    normalise = Normalise().to(device)
    weight = _label_weights(train.columns, n_labels=network.head.out_features).to(device)
    n_steps = plan.n_steps(len(train))
    optimiser = torch.optim.AdamW(_groups(network, plan.preset.weight_decay), lr=plan.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, n_steps))
    watch = _Watch(network, validation)
    batches = _batches(len(train), plan.preset.batch_size, generator)
    losses: list[float] = []
    for step in range(n_steps):
        rows = next(batches)
        network.train()
        pictures = augment(normalise(train.rows(rows).to(device)), generator)
        outputs, _ = network(pictures)
        target = torch.from_numpy(train.columns[rows]).to(device)
        loss = functional.cross_entropy(outputs, target, weight=weight, label_smoothing=_SMOOTHING)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if (step + 1) * CHECKPOINTS // n_steps > step * CHECKPOINTS // n_steps:
            watch.look(losses, is_late=step >= n_steps // 2)
            losses = []
            advance((step + 1) / n_steps)
    watch.restore_best()
    logits = logits_of(network, validation.pictures)
    calibration, notes = calibrated(logits, validation.pictures.columns, validation.weights)
    return Fit(calibration, watch.history, augment.has_mirroring, n_steps, notes)


class _Watch:
    """Looks at a network in training; remembers its best late state by validation accuracy."""

    def __init__(self, network: Classifier, validation: Validation) -> None:
        self._network, self._validation = network, validation
        self._best: dict[str, Tensor] | None = None
        self._best_accuracy = -1.0
        self._series: dict[str, list[float]] = {"train/loss": []}
        if len(validation):
            self._series |= {"validation/accuracy": [], "validation/loss": []}

    @property
    def history(self) -> dict[str, tuple[float, ...]]:
        return {name: tuple(values) for name, values in self._series.items()}

    def look(self, losses: list[float], *, is_late: bool) -> None:
        self._series["train/loss"].append(float(np.mean(losses)))
        if not len(self._validation):
            return
        pictures, weights = self._validation.pictures, self._validation.weights
        logits = torch.from_numpy(logits_of(self._network, pictures))
        columns = torch.from_numpy(pictures.columns)
        losses_of = functional.cross_entropy(logits, columns, reduction="none").numpy()
        accuracy = float(np.average((logits.argmax(dim=1) == columns).numpy(), weights=weights))
        self._series["validation/accuracy"].append(accuracy)
        self._series["validation/loss"].append(float(np.average(losses_of, weights=weights)))
        if is_late and accuracy >= self._best_accuracy and len(self._validation) >= MIN_CALIBRATION:
            self._best_accuracy = accuracy
            self._best = copy.deepcopy(self._network.state_dict())

    def restore_best(self) -> None:
        if self._best is not None:
            self._network.load_state_dict(self._best)
        self._network.eval()


def logits_of(network: Classifier, pictures: Pictures) -> npt.NDArray[np.float64]:
    """Return the logits of all `pictures`, float64 (n, n_labels), with the network as in scoring."""
    network.eval()
    device = next(network.parameters()).device
    normalise = Normalise().to(device)
    parts = [np.zeros((0, network.head.out_features))]
    with torch.inference_mode():
        for start in range(0, len(pictures), _MINIBATCH):
            rows = np.arange(start, min(start + _MINIBATCH, len(pictures)))
            batch = normalise(pictures.rows(rows).to(device)).contiguous(memory_format=torch.channels_last)
            parts.append(network(batch)[0].double().cpu().numpy())
    return np.concatenate(parts)


def _label_weights(columns: npt.NDArray[np.int64], *, n_labels: int) -> Tensor:
    """Return a weight per label: the root of its rarity, of mean 1 over samples; 1 if it has none."""
    counts = np.bincount(columns, minlength=n_labels)
    roots = 1 / np.sqrt(np.maximum(counts, 1))
    weights = roots * counts.sum() / (roots * counts).sum()
    return torch.from_numpy(np.where(counts > 0, weights, 1.0)).float()


def _groups(network: Classifier, weight_decay: float) -> list[dict[str, object]]:
    """Return the parameters for the optimiser: only matrices and kernels decay."""
    kernels = [tensor for tensor in network.parameters() if tensor.ndim > 1]
    others = [tensor for tensor in network.parameters() if tensor.ndim <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _rate(step: int, n_steps: int) -> float:
    """Return the share of the learning rate at `step`: a linear warm-up, then half a cosine down to 0."""
    warmup = max(1, round(_WARMUP * n_steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, n_steps - warmup)))


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of minibatches for ever: every sample once an epoch, in an order drawn anew."""
    while True:
        order = torch.randperm(n, generator=generator).numpy()
        yield from np.array_split(order, math.ceil(n / size))
