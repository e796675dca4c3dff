"""Model outputs with true labels: every picture is judged by a network that never saw it.

The pictures are dealt into folds, and each fold is judged by a network that learnt from the others. A network
learns from true labels, or from people's votes alone: then it trains on the votes of its folds, and once more
on all pictures, where its folds keep what votes and network together say and the other fold gets what the
network itself says of it (self-training [xie2020]). Nobody's vote on a picture is read by the network that
judges it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from goldloop.core.labels import LabelSet
from goldloop.stats.calibration import fit_calibration
from scripts.bench.common import say
from scripts.bench.pictures import Columns, Floats, Pictures, load_pictures

if TYPE_CHECKING:
    from scripts.bench.network import Stock

SIMULATED, TINY = "simulated", "tiny:"
MOST_LEARNT, MOST_JUDGED = 1200, 6800  # pictures of a tiny model
N_SIMULATED, SPREAD = 10_000, 10.0
FOLD_SEED = 99
MOST_APART = 2000  # samples that calibration is fitted on; a tenth where there are fewer
TEMPERATURE_OF_VOTES = 0.5  # a network trained on votes is less sure than it is right
VIEWS = tuple(
    (down, right, is_mirrored) for down, right in ((0, 0), (-2, -2), (2, 2)) for is_mirrored in (False, True)
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How outputs are made; `again` are the epochs of self-training, `peaks` the learning rates of both."""

    folder: str
    size_px: int = 32
    n_folds: int = 2
    epochs: int = 30
    again: int = 0
    peaks: tuple[float, float] = (0.2, 0.1)
    seed: int = 0
    version: int = 2  # of the network and its training; another one trains anew


RECIPES = {
    "cifar10": Recipe("cifar10"),
    "cifar10_brief": Recipe("cifar10", epochs=10, seed=10),
    "clothing": Recipe("clothing", size_px=64, n_folds=3, peaks=(0.1, 0.1)),
}
"""cifar10_brief is a second, weaker model of the same pictures, with the same folds."""

FROM_VOTES = Recipe("cifar10", epochs=20, again=12)


@dataclass(frozen=True, slots=True)
class Outputs:
    """`logits` (n, n_labels), `truth` (n,) columns of `labels`; `answers` (n, 3) of people, or None."""

    labels: LabelSet
    logits: Floats
    truth: Columns
    answers: Columns | None = None

    @property
    def accuracy(self) -> float:
        """Share of pictures whose largest logit is the true label's."""
        return float((self.logits.argmax(axis=1) == self.truth).mean())


def outputs(name: str, options: argparse.Namespace) -> Outputs:
    """Return the outputs called `name`: one of RECIPES, `simulated`, or NAME.npz with `logits` and `truth`.

    `tiny:cifar10` and `tiny:clothing` are those of the tiny preset, trained on few pictures, not calibrated.
    """
    if name.startswith(TINY):
        return _from_tiny_model(name.removeprefix(TINY), options)
    if name == SIMULATED:
        return simulated_outputs(options.pictures or N_SIMULATED, seed=options.seed)
    if name not in RECIPES:
        return _from_file(Path(name))
    recipe = RECIPES[name]
    pictures = load_pictures(options.data / recipe.folder, size_px=recipe.size_px, limit=options.pictures)
    logits = cross_fitted_logits(pictures, pictures.truth[:, None], recipe, options.cache)
    made = Outputs(pictures.labels, logits, pictures.truth, pictures.answers)
    say(f"{name}: {len(made.truth)} pictures, accuracy {made.accuracy:.4f}")
    return made


def simulated_outputs(n: int, *, seed: int, n_labels: int = 10, sharpness: float = 1.0) -> Outputs:
    """Return made-up outputs of a model that is calibrated once its logits are divided by `sharpness`."""
    rng = np.random.default_rng((seed, 5))
    logits = rng.normal(0, SPREAD, (n, n_labels))
    truth = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    labels = LabelSet(tuple(f"label {column}" for column in range(n_labels)))
    return Outputs(labels, logits * sharpness, np.minimum(truth, n_labels - 1).astype(np.intp))


def calibrated_population(made: Outputs, *, seed: int) -> tuple[Floats, Columns]:
    """Return probs (N, n_labels) and truth (N,) of all samples but those that calibration is fitted on."""
    n = len(made.truth)
    apart = np.random.default_rng((seed, 1)).permutation(n)[: min(MOST_APART, n // 10)]
    rest = np.setdiff1d(np.arange(n), apart)
    calibration = fit_calibration(made.logits[apart], made.truth[apart]).calibration
    return calibration.apply(made.logits[rest]), made.truth[rest]


def _from_tiny_model(folder: str, options: argparse.Namespace) -> Outputs:
    from scripts.bench.tiny_model import scored, trained

    pictures = load_pictures(options.data / folder, limit=options.pictures)
    order = np.random.default_rng(options.seed).permutation(len(pictures.truth))
    n_learnt = min(MOST_LEARNT, len(order) // 2)
    learnt, judged = order[:n_learnt], order[n_learnt:][:MOST_JUDGED]
    scorer = trained(
        pictures.images[learnt], pictures.truth[learnt], pictures.labels, n_validation=0, seed=options.seed
    )
    probs = scored(scorer, pictures.images[judged]).probs
    return Outputs(pictures.labels, np.log(np.maximum(probs, 1e-30)), pictures.truth[judged])


def _from_file(path: Path) -> Outputs:
    if not path.is_file():
        raise SystemExit(f"{path} is neither a file nor one of {', '.join([*RECIPES, SIMULATED])}")
    with np.load(path) as read:
        logits, truth = read["logits"].astype(np.float64), read["truth"].astype(np.intp)
    labels = LabelSet(tuple(f"label {column}" for column in range(logits.shape[1])))
    return Outputs(labels, logits, truth)


def cross_fitted_logits(pictures: Pictures, votes: Columns, recipe: Recipe, cache: Path) -> Floats:
    """Return logits (n, n_labels) learnt from `votes` (n, k) of other pictures alone, kept in `cache`.

    Training takes minutes the first time; a changed recipe, picture or vote trains anew.
    """
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    for part in (pictures.images, votes.astype(np.int64)):
        digest.update(np.ascontiguousarray(part).tobytes())
    kept = cache / f"logits-{digest.hexdigest()[:16]}.npy"
    if not kept.exists():
        from scripts.bench.network import Stock  # torch, which a run that finds its logits can do without

        stock = Stock(pictures.images)
        fold = np.random.default_rng(FOLD_SEED).permutation(len(votes)) % recipe.n_folds
        logits = np.zeros((len(votes), len(pictures.labels)))
        for number in range(recipe.n_folds):
            say(f"training for fold {number + 1} of {recipe.n_folds} of {recipe.folder}")
            is_judged = fold == number
            logits[is_judged] = _fold_logits(
                stock, votes, is_judged, recipe, n_labels=logits.shape[1], number=number
            )
        keep(kept, logits.astype(np.float32))
    return np.load(kept).astype(np.float64)


def keep(path: Path, array: Floats) -> None:
    """Write `array` to `path`, which is either absent or complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, array)
    partial.replace(path)


def _fold_logits(
    stock: Stock, votes: Columns, is_judged: np.ndarray, recipe: Recipe, *, n_labels: int, number: int
) -> Floats:
    """Return the logits of the pictures that are `is_judged`, from the votes on all others."""
    from scripts.bench.network import fit, logits_of, new_network

    seed = recipe.seed + number
    network = new_network(n_labels, size_px=recipe.size_px, seed=seed)
    learnt, judged = np.flatnonzero(~is_judged), np.flatnonzero(is_judged)
    shares = np.eye(n_labels)[votes[learnt]].mean(axis=1)
    fit(network, stock, learnt, shares, epochs=recipe.epochs, peak=recipe.peaks[0], seed=seed)
    if recipe.again:
        of_learnt, of_judged = (logits_of(network, stock, rows, VIEWS[:2]) for rows in (learnt, judged))
        beliefs = [beliefs_of(of_learnt, votes[learnt]), softmax(of_judged / TEMPERATURE_OF_VOTES, axis=1)]
        rows = np.concatenate([learnt, judged])
        fit(
            network,
            stock,
            rows,
            np.concatenate(beliefs),
            epochs=recipe.again,
            peak=recipe.peaks[1],
            seed=seed + 1,
        )
    return logits_of(network, stock, judged, VIEWS)


def beliefs_of(logits: Floats, votes: Columns, n_rounds: int = 20) -> Floats:
    """Return what network and votes (n, k) say together, (n, n_labels): one confusion matrix, by EM."""
    n_labels = logits.shape[1]
    prior = softmax(logits / TEMPERATURE_OF_VOTES, axis=1)
    voted = np.eye(n_labels)[votes]  # (n, k, n_labels)
    confusion = np.full((n_labels, n_labels), 0.2 / (n_labels - 1))
    np.fill_diagonal(confusion, 0.8)
    for _ in range(n_rounds):
        belief = prior * np.exp((voted @ np.log(confusion).T).sum(axis=1))
        belief /= belief.sum(axis=1, keepdims=True)
        confusion = belief.T @ voted.sum(axis=1) + 1
        confusion /= confusion.sum(axis=1, keepdims=True)
    return belief
