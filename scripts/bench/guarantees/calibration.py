"""Whether the calibration error is honest about itself, and when an offset for each label pays."""

from __future__ import annotations

import numpy as np

from goldloop.stats.calibration import (
    Calibration,
    calibrated,
    calibration_error,
    expected_calibration_error,
    fit_calibration,
    fit_offsets,
    fit_temperature,
)
from goldloop.stats.metrics import Estimate
from scripts.bench.common import Report
from scripts.bench.outputs import Outputs
from scripts.bench.pictures import Columns, Floats

SIZES = (50, 100, 300, 1000)
FIT_SIZES = (50, 100, 200, 400, 800)
FITS = 20  # draws of validation samples, or fewer where fewer resamples are asked for
SHARPER = {"calibrated": 1.0, "overconfident": 1.5}
"""Logits are multiplied by this after calibrating on everything."""

LEAST_RATE = 0.3  # of a Poisson audit: its inclusion probability is this to 1, by how unsure the model is


def run(report: Report, name: str, made: Outputs, *, n: int) -> None:
    """Report the calibration error by state, design and size, then offsets by number of samples."""
    seed = report.options.seed
    for state in SHARPER:
        probs = sharpened(made, state)
        true = expected_calibration_error(probs, made.truth)
        for design in ("uniform", "poisson"):
            for size in (size for size in SIZES if size <= len(made.truth) // 2):
                estimates, plain = errors(probs, made.truth, size=size, design=design, n=n, seed=seed)
                what = f"{name}/{state}, true error {true:.3f}/{design}/{size} audits"
                report.mean(f"{what}/bias, plain", np.array(plain) - true, "")
                report.mean(f"{what}/bias", [estimate.value - true for estimate in estimates], "")
                report.share(f"{what}/interval holds", [part.low <= true <= part.high for part in estimates])
                report.share(f"{what}/lower end above the truth", [part.low > true for part in estimates])
                report.mean(f"{what}/width", [part.high - part.low for part in estimates], "")
    for size in (size for size in FIT_SIZES if size <= len(made.truth) // 2):
        _offsets(report, f"{name}/offsets/{size} samples", made, size, min(n, FITS))


def sharpened(made: Outputs, state: str) -> Floats:
    """Return the probs of a model that is calibrated or too sure of itself."""
    return calibrated(made.logits * SHARPER[state], fit_temperature(made.logits, made.truth))


def errors(
    probs: Floats, truth: Columns, *, size: int, design: str, n: int, seed: int
) -> tuple[list[Estimate], list[float]]:
    """Return goldloop's calibration error and the plain one on each of `n` audits of about `size` samples."""
    rng = np.random.default_rng((seed, size))
    draws = [_audit(probs, size, rng, design) for _ in range(n)]
    return (
        [calibration_error(probs[rows], truth[rows], weights=weights) for rows, weights in draws],
        [expected_calibration_error(probs[rows], truth[rows], weights=weights) for rows, weights in draws],
    )


def _audit(probs: Floats, size: int, rng: np.random.Generator, design: str) -> tuple[Columns, Floats]:
    """Return the rows of an audit of about `size` samples, and their weights."""
    unsure = 1 - probs.max(axis=1)
    rates = np.ones(len(probs)) if design == "uniform" else LEAST_RATE + (1 - LEAST_RATE) * unsure
    rates = np.minimum(1, rates * size / rates.sum())
    rows = np.flatnonzero(rng.random(len(probs)) < rates)
    return rows, 1 / rates[rows]


def _offsets(report: Report, what: str, made: Outputs, size: int, n: int) -> None:
    """Report what offsets change in loss, accuracy and calibration error of samples not fitted on."""
    losses, accuracies, eces, is_chosen = [], [], [], []
    for draw in range(n):
        order = np.random.default_rng((report.options.seed, draw)).permutation(len(made.truth))
        known, rest = order[:size], order[size:]
        plain = Calibration(fit_temperature(made.logits[known], made.truth[known]))
        always = fit_offsets(made.logits[known], made.truth[known])
        chosen = fit_calibration(made.logits[known], made.truth[known]).calibration
        probs = [fitted.apply(made.logits[rest]) for fitted in (plain, always, chosen)]
        truth = made.truth[rest]
        losses.append([-np.log(part[np.arange(len(rest)), truth]).mean() for part in probs])
        accuracies.append([(part.argmax(axis=1) == truth).mean() for part in probs])
        eces.append([expected_calibration_error(part, truth) for part in probs])
        is_chosen.append(bool(chosen.offsets))
    loss, accuracy, ece = np.array(losses), np.array(accuracies), np.array(eces)
    report.mean(f"{what}/loss, temperature alone", loss[:, 0], "nats")
    report.mean(f"{what}/change, always with offsets", loss[:, 1] - loss[:, 0], "nats")
    report.mean(f"{what}/change, as chosen", loss[:, 2] - loss[:, 0], "nats")
    report.mean(f"{what}/change of accuracy, as chosen", 100 * (accuracy[:, 2] - accuracy[:, 0]), "points")
    report.mean(f"{what}/change of calibration error, as chosen", ece[:, 2] - ece[:, 0], "")
    report.share(f"{what}/offsets chosen", is_chosen)
