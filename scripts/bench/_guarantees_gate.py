"""The gate's promises: how often it promotes what is no better, and refuses what is.

Challenger and champion are two real models of the same samples. Each repeat draws a holdout and, sample by
sample, swaps the two with a probability that makes the challenger's true gain what it is said to be: at one
half they are equally good, with all the disagreement that real models have.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from goldloop.audit.designs import Design, audit_probabilities, usual_unsureness
from goldloop.core.labels import LabelSet
from goldloop.settings import GateSettings
from goldloop.stats.calibration import calibration_error
from goldloop.stats.comparison import compare
from goldloop.training.gate import RULES, Gate

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]
SIZES = (100, 300, 1000)
DEFAULTS = GateSettings()
GAINS = (-DEFAULTS.margin, 0.0, 0.02, 0.05)
FALLS = (0.0, DEFAULTS.max_class_fall, 0.25, 0.50)
Objections = tuple[str, ...]
RIVAL_NOISES = (3.0, 5.0, 8.0, 12.0, 20.0, 40.0)
"""Standard deviations on log-probabilities: the least that makes a rival the largest gain worse."""


class _Pair(NamedTuple):
    """The better model's probs, the other's, and the truth."""

    probs: Floats
    rival: Floats
    truth: Columns


def run(
    probs: Floats, truth: Columns, *, repeats: int, seed: int, other_probs: Floats | None = None
) -> list[dict[str, Any]]:
    """Return a row for each design, size, rule and true gain, and for each planted fall of one label."""
    rival = _noisy(probs, truth, seed) if other_probs is None else other_probs
    gained, lost = probs.argmax(axis=1) == truth, rival.argmax(axis=1) == truth
    ahead = float(gained.mean() - lost.mean())
    if ahead < 0:
        probs, rival, ahead = rival, probs, -ahead
    rows = []
    for size in SIZES:
        for design in Design:
            rate = size / len(truth)
            usual = usual_unsureness(rival, audit_rate=rate)
            chance = audit_probabilities(rival, audit_rate=rate, design=design, usual=usual)
            for gain in GAINS:
                if abs(gain) <= ahead:
                    rng = np.random.default_rng((seed, size))
                    swap = (1 - gain / ahead) / 2
                    pair = _Pair(probs, rival, truth)
                    told = [_asked(pair, chance, swap=swap, rng=rng) for _ in range(repeats)]
                    rows += _gain_rows(told, {"design": str(design), "size": size, "gain": gain})
    return rows + _fall_rows(probs, rival, truth, repeats=repeats, seed=seed)


def _noisy(probs: Floats, truth: Columns, seed: int) -> Floats:
    """Return a model that is worse by the largest gain and errs where the given one is unsure."""
    normal = np.random.default_rng((seed, 7)).normal(0, 1, probs.shape)
    for noise in RIVAL_NOISES:
        moved = np.maximum(probs, 1e-9) * np.exp(noise * normal * (1 - probs.max(axis=1, keepdims=True)))
        rival: Floats = moved / moved.sum(axis=1, keepdims=True)
        if (probs.argmax(axis=1) == truth).mean() - (rival.argmax(axis=1) == truth).mean() >= GAINS[-1]:
            break
    return rival


def _asked(pair: _Pair, chance: Floats, *, swap: float, rng: np.random.Generator) -> dict[str, Objections]:
    """Return each rule's objections to a challenger on one drawn holdout."""
    probs, rival, truth = pair
    drawn = np.flatnonzero(rng.random(len(truth)) < chance)
    is_swapped = rng.random(len(drawn)) < swap
    ours = np.where(is_swapped[:, None], rival[drawn], probs[drawn])
    theirs = np.where(is_swapped[:, None], probs[drawn], rival[drawn])
    true, weights = truth[drawn], 1 / chance[drawn]
    labels = LabelSet(tuple(f"label {column}" for column in range(probs.shape[1])))
    comparison = compare(
        ours.argmax(axis=1) == true, theirs.argmax(axis=1) == true, true, labels=labels, weights=weights
    )
    ece = calibration_error(ours, true, weights=weights)
    return {
        rule: Gate(**{**DEFAULTS.model_dump(), "rule": rule}).objections(comparison, ece=ece)
        for rule in RULES
    }


def _gain_rows(told: list[dict[str, Objections]], what: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        what
        | {
            "kind": "gain",
            "rule": rule,
            "repeats": len(told),
            "promoted": float(np.mean([not one[rule] for one in told])),
            "labels": float(np.mean([any(why.startswith("recall of") for why in one[rule]) for one in told])),
            "calibration": float(
                np.mean([any(why.startswith("calibration") for why in one[rule]) for one in told])
            ),
        }
        for rule in RULES
    ]


def _fall_rows(
    probs: Floats, rival: Floats, truth: Columns, *, repeats: int, seed: int
) -> list[dict[str, Any]]:
    """Return how often a true fall of one label's recall is objected to, between otherwise equal models."""
    labels = LabelSet(tuple(f"label {column}" for column in range(probs.shape[1])))
    right = np.stack([one.argmax(axis=1) == truth for one in (probs, rival)])
    label = int(np.argmax(np.bincount(truth)))
    recall = float(right[:, truth == label].mean())
    gate = Gate(**DEFAULTS.model_dump())
    rows = []
    for size in SIZES:
        for fall in FALLS:
            rng, told = np.random.default_rng((seed, size)), []
            for _ in range(repeats):
                drawn = rng.choice(len(truth), size, replace=False)
                which = (rng.random(size) < 0.5).astype(int)
                ours, theirs, true = right[which, drawn], right[1 - which, drawn], truth[drawn]
                ours = ours & ~((true == label) & (rng.random(size) < fall / recall))
                recalls = compare(ours, theirs, true, labels=labels).recalls
                told.append(any(one.high < -gate.max_class_fall for one in recalls.values()))
            rows.append(
                {
                    "kind": "fall",
                    "size": size,
                    "fall": fall,
                    "repeats": repeats,
                    "refused": float(np.mean(told)),
                }
            )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown: promotions by true gain, then refusals by one label's true fall."""
    lines = [
        "| holdout drawn | n | rule | true gain, points | promoted | for a label | for calibration |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['design']} | {row['size']} | {row['rule']} | {100 * row['gain']:+.0f} | "
        f"{row['promoted']:.1%} | {row['labels']:.1%} | {row['calibration']:.1%} |"
        for row in rows
        if row["kind"] == "gain"
    ]
    lines += [
        "",
        f"One label's recall falls, {DEFAULTS.max_class_fall:.0%} allowed:",
        "",
        "| n | true fall, points | refused for a label |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row['size']} | {100 * row['fall']:.0f} | {row['refused']:.1%} |"
        for row in rows
        if row["kind"] == "fall"
    ]
    return "\n".join(lines)
