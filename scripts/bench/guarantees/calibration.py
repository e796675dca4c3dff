"""Whether the calibration error is honest about itself, on audits of a population whose error is known."""

from __future__ import annotations

import numpy as np

from goldloop.stats.calibration import Calibration, fit_temperature
from goldloop.stats.metrics import Estimate
from goldloop.stats.reliability import calibration_error, reliability_bins
from scripts.bench.common import Report
from scripts.bench.outputs import Outputs
from scripts.bench.pictures import Columns, Floats

SIZES = (50, 100, 300, 1000)
SHARPER = {"calibrated": 1.0, "overconfident": 1.5}
"""Logits are multiplied by this after calibrating on everything."""

LEAST_RATE = 0.3  # of a Poisson audit: its inclusion probability is this to 1, by how unsure the model is


def run(report: Report, name: str, made: Outputs, *, n: int) -> None:
    """Report bias, coverage and width by state, design and size."""
    seed = report.options.seed
    for state in SHARPER:
        probs = sharpened(made, state)
        true = observed_error(probs, made.truth)
        for design in ("uniform", "poisson"):
            for size in (size for size in SIZES if size <= len(made.truth) // 2):
                estimates, plain = errors(probs, made.truth, size=size, design=design, n=n, seed=seed)
                what = f"{name}/{state}, true error {true:.3f}/{design}/{size} audits"
                report.mean(f"{what}/bias, plain", np.array(plain) - true, "")
                report.mean(f"{what}/bias", [estimate.value - true for estimate in estimates], "")
                report.share(f"{what}/interval holds", [part.low <= true <= part.high for part in estimates])
                report.share(f"{what}/lower end above the truth", [part.low > true for part in estimates])
                report.mean(f"{what}/width", [part.high - part.low for part in estimates], "")


def sharpened(made: Outputs, state: str) -> Floats:
    """Return the probs of a model that is calibrated or too sure of itself."""
    return Calibration(fit_temperature(made.logits, made.truth)).apply(made.logits * SHARPER[state])


def errors(
    probs: Floats, truth: Columns, *, size: int, design: str, n: int, seed: int
) -> tuple[list[Estimate], list[float]]:
    """Return goldloop's calibration error and the plain one on each of `n` audits of about `size` samples."""
    rng = np.random.default_rng((seed, size))
    draws = [_audit(probs, size, rng, design) for _ in range(n)]
    return (
        [calibration_error(probs[rows], truth[rows], weights=weights) for rows, weights in draws],
        [observed_error(probs[rows], truth[rows], weights) for rows, weights in draws],
    )


def observed_error(probs: Floats, truth: Columns, weights: Floats | None = None) -> float:
    """Return the observed mean gap between confidence and accuracy, without a correction for chance."""
    bins = reliability_bins(probs, truth, weights=weights)
    return float(sum(part.weight_share * abs(part.mean_confidence - part.accuracy.value) for part in bins))


def _audit(probs: Floats, size: int, rng: np.random.Generator, design: str) -> tuple[Columns, Floats]:
    """Return the rows of an audit of about `size` samples, and their weights."""
    unsure = 1 - probs.max(axis=1)
    rates = np.ones(len(probs)) if design == "uniform" else LEAST_RATE + (1 - LEAST_RATE) * unsure
    rates = np.minimum(1, rates * size / rates.sum())
    rows = np.flatnonzero(rng.random(len(probs)) < rates)
    return rows, 1 / rates[rows]
