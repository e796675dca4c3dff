"""The audit's promises: no bias, intervals that hold as often as they say, and labels saved.

A draw is repeated many times from samples whose truth is known. The figure `worth` says how many labels of a
plain random draw, of the same size and from the same samples, scatter as little: its variance divided by the
estimator's. "accepted" are the samples that the default band accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.audit.designs import audit_probabilities, usual_unsureness
from goldloop.audit.estimates import share_of_traffic
from goldloop.stats.metrics import Estimate, share_estimate
from scripts.bench.common import Report
from scripts.bench.outputs import Outputs, calibrated_population
from scripts.bench.peers import run_peers
from scripts.bench.pictures import Columns, Floats

Flags = npt.NDArray[np.bool_]
SIZES = (30, 100, 300, 1000)
PEER_SIZES = (100, 300, 1000)
ACCEPTED = 0.70  # confidence above which the default band accepts
LEAST_DRAWN = 10  # smaller draws give no estimate

Method = Callable[[Flags, Floats, Floats, Floats], Estimate]
"""From hits, confidence and weights of a draw, and the confidence of the whole traffic, to the estimate."""

METHODS: dict[str, Method] = {
    "goldloop": lambda hits, sure, weights, all_sure: share_of_traffic(hits, sure, all_sure, weights=weights),
    "no model": lambda hits, sure, weights, all_sure: share_estimate(hits, weights=weights),
}


def run(report: Report, name: str, made: Outputs, *, n: int) -> None:
    """Report bias, coverage, width and worth for each scope, size, design and estimator."""
    seed = report.options.seed
    probs, truth = calibrated_population(made, seed=seed)
    sure, hits = probs.max(axis=1), probs.argmax(axis=1) == truth
    bits: dict[str, npt.NDArray[np.uint8]] = {}
    chances: dict[str, Floats] = {}
    for size in (size for size in SIZES if size <= len(truth) // 2):
        for design in ("uniform", "poisson"):
            draws, chance = drawn(probs, size=size, design=design, n=n, seed=seed)
            if size in PEER_SIZES:
                key = f"{size} audits/{design}"
                bits[key], chances[key] = np.packbits(draws, axis=1), chance
            for scope, inside in (("all traffic", sure >= 0), ("accepted", sure > ACCEPTED)):
                for method in METHODS:
                    estimates = estimated(method, draws & inside, probs, truth, chance=chance, inside=inside)
                    rows = np.array([(part.value, part.low, part.high) for part in estimates])
                    what = f"{name}/{scope}/{size} audits/{design}/{method}"
                    if estimates:
                        _report(report, what, rows, hits[inside], float(chance[inside].sum()))
    arrays: dict[str, npt.NDArray[Any]] = {f"drawn/{key}": value for key, value in bits.items()}
    arrays |= {f"chance/{key}": value for key, value in chances.items()}
    for key, rows in run_peers("means", {"sure": sure, "hits": hits, **arrays}).items():
        _report(report, f"{name}/all traffic/{key}/ppi-python", rows, hits, float(chances[key].sum()))


def drawn(probs: Floats, *, size: int, design: str, n: int, seed: int) -> tuple[Flags, Floats]:
    """Return `n` draws of about `size` audits, bool (n, N), and the inclusion probabilities (N,)."""
    rate = size / len(probs)
    usual = usual_unsureness(probs, audit_rate=rate) if design == "poisson" else None
    chance = audit_probabilities(probs, audit_rate=rate, usual=usual)
    rng = np.random.default_rng((seed, size))
    return np.stack([rng.random(len(probs)) < chance for _ in range(n)]), chance


def estimated(
    method: str, draws: Flags, probs: Floats, truth: Columns, *, chance: Floats, inside: Flags
) -> list[Estimate]:
    """Return the estimate of the accuracy of the samples `inside` (N,) from each of the `draws` (n, N)."""
    sure, hits = probs.max(axis=1), probs.argmax(axis=1) == truth
    return [
        METHODS[method](hits[draw], sure[draw], 1 / chance[draw], sure[inside])
        for draw in draws
        if draw.sum() >= LEAST_DRAWN
    ]


def _report(report: Report, what: str, rows: Floats, hits: Flags, n_drawn: float) -> None:
    """Report how the estimates `rows` (n, 3), value, low and high, compare with the truth `hits`."""
    value, low, high = rows.T
    share = float(hits.mean())
    of_random_draw = share * (1 - share) * (1 / n_drawn - 1 / len(hits))
    report.mean(f"{what}/bias", 100 * (value - share), "points")
    report.share(f"{what}/interval holds", (low <= share) & (share <= high))
    report.mean(f"{what}/width", 100 * (high - low), "points")
    report.add(f"{what}/worth", of_random_draw / float(value.var()), "times", n=len(value))
