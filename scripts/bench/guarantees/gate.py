"""The gate's promises: how often it promotes a model that is no better, and refuses one that is.

The champion is a noisy copy of the model of the outputs. Each repeat draws a holdout and, sample by sample,
swaps the two with a probability that makes the challenger's true gain what it is said to be: at one half they
are equally good, with all the disagreement that two models have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from goldloop.audit.designs import audit_probabilities, usual_unsureness
from goldloop.settings.sections import GateSettings
from goldloop.stats.comparison import compare
from goldloop.stats.reliability import calibration_error
from goldloop.training.gate import RULES, objections
from scripts.bench.common import Report
from scripts.bench.outputs import Outputs, calibrated_population, numbered_labels
from scripts.bench.pictures import Columns, Floats

SIZES = (100, 300, 1000)
DEFAULTS = GateSettings()
GAINS = (-DEFAULTS.margin, 0.0, 0.02, 0.05)
FALLS = (0.0, DEFAULTS.max_class_fall, 0.25, 0.50)
NOISES = (3.0, 5.0, 8.0, 12.0, 20.0, 40.0)
"""Standard deviations on log-probabilities: the least that makes a rival the largest gain worse."""

Objections = tuple[str, ...]


class Pair(NamedTuple):
    """The better model's probs, the other's, both (N, n_labels), and the truth (N,)."""

    probs: Floats
    rival: Floats
    truth: Columns

    @property
    def ahead(self) -> float:
        """By how much the better model is more accurate."""
        right = [probs.argmax(axis=1) == self.truth for probs in (self.probs, self.rival)]
        return float(right[0].mean() - right[1].mean())


def run(report: Report, name: str, made: Outputs, *, n: int) -> None:
    """Report promotions for each design, size, rule and true gain, and refusals for a fall of one label."""
    seed = report.options.seed
    pair = pair_of(*calibrated_population(made, seed=seed), seed=seed)
    for size in (size for size in SIZES if size <= len(pair.truth) // 2):
        for design in ("uniform", "poisson"):
            for gain in (gain for gain in GAINS if abs(gain) <= pair.ahead):
                objections = asked(pair, size=size, design=design, gain=gain, n=n, seed=seed)
                for rule, refusals in objections.items():
                    what = f"{name}/{size} {design}/{rule}/gain of {100 * gain:+.0f} points"
                    report.share(f"{what}/promoted", [not refusal for refusal in refusals])
        for fall in FALLS:
            what = f"{name}/{size} uniform/one label's recall falls/{100 * fall:.0f} points"
            report.share(
                f"{what}/refused for it", refused_for_fall(pair, size=size, fall=fall, n=n, seed=seed)
            )


def pair_of(probs: Floats, truth: Columns, *, seed: int) -> Pair:
    """Return a model with a rival that is worse by the largest gain and errs where the model is unsure."""
    normal = np.random.default_rng((seed, 7)).normal(0, 1, probs.shape)
    for noise in NOISES:
        moved = np.maximum(probs, 1e-9) * np.exp(noise * normal * (1 - probs.max(axis=1, keepdims=True)))
        pair = Pair(probs, moved / moved.sum(axis=1, keepdims=True), truth)
        if pair.ahead >= GAINS[-1]:
            break
    return pair


def asked(
    pair: Pair, *, size: int, design: str, gain: float, n: int, seed: int
) -> dict[str, list[Objections]]:
    """Return by rule the objections to a challenger of this true `gain` on each of `n` drawn holdouts."""
    rate, rng = size / len(pair.truth), np.random.default_rng((seed, size))
    usual = usual_unsureness(pair.rival, audit_rate=rate) if design == "poisson" else None
    chance = audit_probabilities(pair.rival, audit_rate=rate, usual=usual)
    swap = (1 - gain / pair.ahead) / 2
    rounds = [_objections(pair, chance, swap=swap, rng=rng) for _ in range(n)]
    return {rule: [objections[rule] for objections in rounds] for rule in RULES}


def _objections(
    pair: Pair, chance: Floats, *, swap: float, rng: np.random.Generator
) -> dict[str, Objections]:
    """Return each rule's objections to a challenger on one drawn holdout."""
    drawn = np.flatnonzero(rng.random(len(pair.truth)) < chance)
    is_swapped = (rng.random(len(drawn)) < swap)[:, None]
    challenger = np.where(is_swapped, pair.rival[drawn], pair.probs[drawn])
    champion = np.where(is_swapped, pair.probs[drawn], pair.rival[drawn])
    truth, weights = pair.truth[drawn], 1 / chance[drawn]
    is_right, was_right = (probs.argmax(axis=1) == truth for probs in (challenger, champion))
    labels = numbered_labels(pair.probs.shape[1])
    comparison = compare(is_right, was_right, truth, labels=labels, weights=weights)
    ece = calibration_error(challenger, truth, weights=weights)
    return {
        rule: objections(DEFAULTS.model_copy(update={"rule": rule}), comparison, ece=ece) for rule in RULES
    }


def refused_for_fall(pair: Pair, *, size: int, fall: float, n: int, seed: int) -> npt.NDArray[np.bool_]:
    """Return (n,) whether a true `fall` of the commonest label's recall is objected to."""
    right = np.stack([probs.argmax(axis=1) == pair.truth for probs in (pair.probs, pair.rival)])
    label = int(np.argmax(np.bincount(pair.truth)))
    recall = float(right[:, pair.truth == label].mean())
    rng, is_refused = np.random.default_rng((seed, size)), []
    for _ in range(n):
        drawn = rng.choice(len(pair.truth), size, replace=False)
        which = (rng.random(size) < 0.5).astype(int)
        challenger, champion, truth = right[which, drawn], right[1 - which, drawn], pair.truth[drawn]
        challenger = challenger & ~((truth == label) & (rng.random(size) < fall / recall))
        recalls = compare(challenger, champion, truth, labels=numbered_labels(pair.probs.shape[1])).recalls
        is_refused.append(any(change.high < -DEFAULTS.max_class_fall for change in recalls.values()))
    return np.array(is_refused)
