#!/usr/bin/env python3
"""Whether the calibration error is honest about itself, and when an offset for each label pays.

error    bias and coverage of the calibration error, over audits drawn from real outputs whose truth is known
offsets  loss on all other samples of a temperature alone, of offsets as well, and of what is chosen

The outputs come from networks that never saw the sample (see _outputs.py), from FILE.npz with logits and
truth, or, as `tiny:clothing`, from the tiny preset trained as goldloop does, on 1,200 pictures.
"""

from __future__ import annotations

import time

import numpy as np
from _common import parser, say, write
from _outputs import CACHE, DATA, Columns, Floats, outputs
from _tiny_model import read, scored, trained

from goldloop.core.labels import LabelSet
from goldloop.stats.calibration import (
    Calibration,
    calibration_error,
    expected_calibration_error,
    fit_calibration,
    fit_offsets,
    fit_temperature,
)

SIZES = (50, 100, 300, 1000)
SHARPER = {"calibrated": 1.0, "overconfident": 1.5}
"""Logits are multiplied by this after calibrating on everything."""

ERROR_HEAD = (
    "| outputs | calibration error | audit | n | bias, plain | bias, ours | width | covered | all above |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
ERROR_ROW = (
    "| {outputs} | {state} {true:.3f} | {design} | {n} | {plain_bias:+.3f} | {bias:+.3f} | {width:.3f} "
    "| {coverage:.1%} | {low_above:.1%} |"
)
OFFSET_HEAD = (
    "\n| outputs | n | loss, temperature | with offsets | as chosen | chosen | accuracy | ECE | as chosen |"
    "\n|---|---|---|---|---|---|---|---|---|"
)
OFFSET_ROW = (
    "| {outputs} | {n} | {loss:.3f} | {always:+.4f} | {chosen:+.4f} ± {spread:.4f} | {share_chosen:.0%} "
    "| {accuracy:+.2%} | {ece:.3f} | {ece_chosen:.3f} |"
)

TINY, N_TRAIN = "tiny:", 1200

LEAST_RATE = 0.3  # of a Poisson audit: its inclusion probability is this to 1, by how unsure the model is


def audit(probs: Floats, n: int, rng: np.random.Generator, design: str) -> tuple[Columns, Floats]:
    """Return the rows of an audit of about `n` samples, and their weights."""
    unsure = 1 - probs.max(axis=1)
    rates = np.ones(len(probs)) if design == "uniform" else LEAST_RATE + (1 - LEAST_RATE) * unsure
    rates = np.minimum(1, rates * n / rates.sum())
    rows = np.flatnonzero(rng.random(len(probs)) < rates)
    return rows, 1 / rates[rows]


def error_figures(
    name: str, logits: Floats, truth: Columns, repeats: int, seed: int
) -> list[dict[str, object]]:
    """Return bias and coverage for each sharpness, design and size."""
    temperature = fit_temperature(logits, truth)
    found: list[dict[str, object]] = []
    for state, factor in SHARPER.items():
        probs = Calibration(temperature).apply(logits * factor)
        true = expected_calibration_error(probs, truth)
        for design in ("uniform", "poisson"):
            for n in (one for one in SIZES if one <= len(truth) // 2):
                rng = np.random.default_rng((seed, n))
                draws = [audit(probs, n, rng, design) for _ in range(repeats)]
                errors = [
                    calibration_error(probs[rows], truth[rows], weights=weights) for rows, weights in draws
                ]
                plain = [
                    expected_calibration_error(probs[rows], truth[rows], weights=weights)
                    for rows, weights in draws
                ]
                found.append(
                    {
                        "outputs": name,
                        "state": state,
                        "design": design,
                        "n": n,
                        "true": true,
                        "bias": float(np.mean([one.value for one in errors]) - true),
                        "plain_bias": float(np.mean(plain) - true),
                        "coverage": float(np.mean([one.low <= true <= one.high for one in errors])),
                        "low_above": float(np.mean([one.low > true for one in errors])),
                        "width": float(np.mean([one.high - one.low for one in errors])),
                    }
                )
                print(ERROR_ROW.format(**found[-1]), flush=True)
    return found


def offset_figures(
    name: str, logits: Floats, truth: Columns, repeats: int, seed: int
) -> list[dict[str, object]]:
    """Return what offsets do to loss, accuracy and calibration error of the samples not fitted on."""
    found: list[dict[str, object]] = []
    for n in (one for one in (50, 100, 200, 400, 800) if one <= len(truth) // 2):
        rows = []
        for repeat in range(repeats):
            order = np.random.default_rng((seed, repeat)).permutation(len(truth))
            known, rest = order[:n], order[n:]
            plain = Calibration(fit_temperature(logits[known], truth[known]))
            always = fit_offsets(logits[known], truth[known])
            chosen = fit_calibration(logits[known], truth[known]).calibration
            probs = [one.apply(logits[rest]) for one in (plain, always, chosen)]
            losses = [float(-np.log(one[np.arange(len(rest)), truth[rest]]).mean()) for one in probs]
            right = [float((one.argmax(axis=1) == truth[rest]).mean()) for one in probs]
            errors = [expected_calibration_error(one, truth[rest]) for one in probs]
            rows.append(
                [
                    losses[0],
                    losses[1] - losses[0],
                    losses[2] - losses[0],
                    right[2] - right[0],
                    errors[0],
                    errors[2],
                    float(bool(chosen.offsets)),
                ]
            )
        means, spread = np.mean(rows, axis=0), np.std(rows, axis=0)
        found.append(
            dict(
                zip(
                    ("loss", "always", "chosen", "accuracy", "ece", "ece_chosen", "share_chosen"),
                    means.tolist(),
                    strict=True,
                )
            )
            | {"outputs": name, "n": n, "spread": float(spread[2])}
        )
        print(OFFSET_ROW.format(**found[-1]), flush=True)
    return found


def _outputs(name: str, seed: int) -> tuple[Floats, Columns]:
    """Return logits and true columns."""
    if not name.startswith(TINY):
        found = outputs(name, DATA, CACHE)
        return found.logits, found.truth
    pictures, labels = read(DATA / name.removeprefix(TINY), seed)
    known = LabelSet.of(sorted(set(labels)))
    scorer = trained(pictures[:N_TRAIN], labels[:N_TRAIN], known, n_validation=0, seed=seed)
    probs = scored(scorer, pictures[N_TRAIN:]).probs
    return np.log(probs), np.array([known.column(one) for one in labels[N_TRAIN:]], dtype=np.intp)


def main() -> None:
    """Print both tables, in Markdown."""
    options = parser(__doc__.splitlines()[0])
    options.add_argument(
        "--outputs",
        nargs="+",
        default=["cifar10", "tiny:cifar10", "tiny:clothing"],
        metavar="NAME",
        help="cifar10, clothing, tiny:cifar10, tiny:clothing, or FILE.npz",
    )
    options.add_argument(
        "--repeats", type=int, default=1000, metavar="N", help="audits a line (default 1000)"
    )
    options.add_argument(
        "--fits", type=int, default=20, metavar="N", help="draws of validation samples (default 20)"
    )
    chosen = options.parse_args()
    repeats, fits = (100, 5) if chosen.quick else (chosen.repeats, chosen.fits)
    started = time.perf_counter()
    made = {name: _outputs(name, chosen.seed) for name in chosen.outputs}
    for name, (logits, truth) in made.items():
        say(f"{name}: {len(truth)} samples, accuracy {(logits.argmax(axis=1) == truth).mean():.4f}")
    print(ERROR_HEAD)
    error = [row for name, one in made.items() for row in error_figures(name, *one, repeats, chosen.seed)]
    print(OFFSET_HEAD)
    offsets = [row for name, one in made.items() for row in offset_figures(name, *one, fits, chosen.seed)]
    write(chosen, "calibration", {"error": error, "offsets": offsets}, started=started)


if __name__ == "__main__":
    main()
