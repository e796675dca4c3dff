#!/usr/bin/env python3
"""Whether the promises about accuracy hold, over resamples of real model outputs whose truth is known.

target   how often the accuracy of what is accepted misses its target, and how much is accepted
audit    bias, coverage and worth of the estimates of accuracy that audits give
gate     how often a challenger that is no better is promoted, and one that is better is refused

The outputs are cross-fitted (see _outputs.py). A random part of the samples is set apart to calibrate on; the
others are the population: audits are drawn from it, and its true labels say what audits should have found.
"""

from __future__ import annotations

import importlib
import inspect
import time
from pathlib import Path

import numpy as np
from _common import parser, say, write
from _outputs import CACHE, DATA, Floats, Outputs, outputs

from goldloop.stats.calibration import calibration_error, fit_calibration

PARTS = ("target", "audit", "gate")
APART = 2000  # samples that calibration is fitted on, of 20,000; a tenth where there are fewer
QUICK_REPEATS = 50
RIVAL = {"cifar10": "cifar10_brief"}
"""A second model of the same pictures, for the gate."""


def apart(n: int, seed: int) -> np.ndarray:
    """Return which of `n` samples calibration is fitted on, bool (n,)."""
    chosen = np.random.default_rng((seed, 1)).permutation(n)[: min(APART, n // 10)]
    return np.isin(np.arange(n), chosen)


def calibrated_population(found: Outputs, is_apart: np.ndarray) -> Floats:
    """Return the probs of all samples not set apart, calibrated on those that are."""
    calibration = fit_calibration(found.logits[is_apart], found.truth[is_apart]).calibration
    probs, truth = calibration.apply(found.logits[~is_apart]), found.truth[~is_apart]
    right = float((probs.argmax(axis=1) == truth).mean())
    say(
        f"{len(truth)} samples, accuracy {right:.4f}, temperature {calibration.temperature:.3f}, "
        f"{'offsets' if calibration.offsets else 'no offsets'}, ECE {calibration_error(probs, truth)}"
    )
    return probs


def main() -> None:
    """Run the parts asked for and print their tables, in Markdown."""
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--repeats", type=int, default=1000, metavar="N", help="resamples (default 1000)")
    options.add_argument("--part", choices=PARTS, action="append", help="one part only; may be repeated")
    options.add_argument(
        "--outputs",
        default="cifar10",
        metavar="NAME",
        help="cifar10 (default), clothing, or FILE.npz with logits and truth of a model of your own",
    )
    options.add_argument(
        "--data", type=Path, default=DATA, metavar="FOLDER", help="holds cifar10/, clothing/"
    )
    options.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="keeps the outputs")
    chosen = options.parse_args()
    started = time.perf_counter()
    repeats = QUICK_REPEATS if chosen.quick else chosen.repeats
    found = outputs(chosen.outputs, chosen.data, chosen.cache)
    is_apart = apart(len(found.truth), chosen.seed)
    probs, truth = calibrated_population(found, is_apart), found.truth[~is_apart]
    rows: dict[str, object] = {}
    for part in chosen.part or PARTS:
        module = importlib.import_module(f"_guarantees_{part}")
        more = {}
        if "other_probs" in inspect.signature(module.run).parameters and chosen.outputs in RIVAL:
            rival = outputs(RIVAL[chosen.outputs], chosen.data, chosen.cache)
            more = {"other_probs": calibrated_population(rival, is_apart)}
        rows[part] = module.run(probs, truth, repeats=repeats, seed=chosen.seed, **more)
        print(f"\n## {part}: {chosen.outputs}, {len(truth)} samples, {repeats} repeats, seed {chosen.seed}\n")
        print(module.table(rows[part]), flush=True)
    write(chosen, "guarantees", {"outputs": chosen.outputs, "repeats": repeats} | rows, started=started)


if __name__ == "__main__":
    main()
