"""The audit's promises: no bias, intervals that hold as often as they say, and labels saved.

A draw is repeated many times from samples whose truth is known. `worth` is how many labels of a plain random
draw, of the same size and from the same samples, scatter as little: its variance over the estimator's.
"accepted" are the samples that the default band accepts, "audits" what is expected of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _guarantees_guard import GUARD, guard_rows, guard_table
from _peers import run_peers

from goldloop.audit.control_variate import share_of_traffic
from goldloop.audit.designs import Design, audit_probabilities, unsureness, usual_unsureness
from goldloop.stats.metrics import Estimate, share_estimate

Floats = npt.NDArray[np.float64]
SIZES = (30, 100, 300, 1000)
ACCEPTED = 0.70  # confidence above which the default band accepts
PEERS = Path(__file__).with_name("_guarantees_audit_peers.py")
PEER_SIZES = (100, 300, 1000)

Method = Callable[[npt.NDArray[np.bool_], Floats, Floats, Floats], tuple[float, float, float]]
"""From hits and confidence of a draw, its weights and the confidence of all, to value, low and high."""


def control_variate(hits: npt.NDArray[np.bool_], sure: Floats, weights: Floats, all_sure: Floats) -> Any:
    """Goldloop's estimate of traffic."""
    return _parts(share_of_traffic(hits, sure, all_sure, weights=weights))


def plain(hits: npt.NDArray[np.bool_], _sure: Floats, weights: Floats, _all: Floats) -> Any:
    """Goldloop's estimate without the model: Wilson's interval of the Hájek mean."""
    return _parts(share_estimate(hits, weights=weights))


def difference(hits: npt.NDArray[np.bool_], sure: Floats, weights: Floats, all_sure: Floats) -> Any:
    """The textbook's difference estimator with a normal interval, where this began."""
    parts = weights / len(all_sure)
    surprises = hits - sure
    value = all_sure.mean() + parts @ surprises
    half = 1.96 * np.sqrt(((1 - 1 / weights) * np.square(parts * surprises)).sum())
    return value, value - half, value + half


def run(probs: Floats, truth: npt.NDArray[np.intp], *, repeats: int, seed: int) -> list[dict[str, Any]]:
    """Return a row for each scope, size, design and estimator, and for each size of the guard's audits."""
    sure, hits = probs.max(axis=1), probs.argmax(axis=1) == truth
    rows = []
    drawn: dict[str, npt.NDArray[np.uint8]] = {}
    chances: dict[str, Floats] = {}
    for size in SIZES:
        for name, chance in _designs(probs, size):
            rng = np.random.default_rng((seed, size))
            draws = np.stack([rng.random(len(sure)) < chance for _ in range(repeats)])
            methods: dict[str, Method] = {"goldloop": control_variate, "no model": plain}
            if name == "poisson .7/.3":
                methods = {"difference": difference}
            for scope, inside in (("all", sure >= 0), ("accepted", sure > ACCEPTED)):
                for method, estimate in methods.items():
                    found = [
                        estimate(hits[one], sure[one], 1 / chance[one], sure[inside])
                        for one in draws & inside
                        if one.sum() >= 10
                    ]
                    what = {"scope": scope, "size": size, "design": name, "method": method}
                    rows.append(what | _scored(found, hits[inside], float(chance[inside].sum())))
            if size in PEER_SIZES and name in tuple(Design):
                drawn[f"{size}/{name}"], chances[f"{size}/{name}"] = np.packbits(draws, axis=1), chance
    for key, found in _peers(sure, hits, drawn, chances).items():
        size, name = key.split("/")
        what = {"scope": "all", "size": int(size), "design": name, "method": "ppi-python"}
        rows.append(what | _scored(found, hits, float(chances[key].sum())))
    return rows + guard_rows(repeats, seed)


def _parts(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def _designs(probs: Floats, size: int) -> Iterator[tuple[str, Floats]]:
    """Yield each design's name and inclusion probabilities (n,), `size` expected."""
    rate = size / len(probs)
    usual = usual_unsureness(probs, audit_rate=rate)
    for design in Design:
        yield str(design), audit_probabilities(probs, audit_rate=rate, design=design, usual=usual)
    unsure = unsureness(probs)
    yield "poisson .7/.3", np.minimum(1.0, rate * (0.7 * unsure / unsure.mean() + 0.3))


def _scored(found: Any, hits: npt.NDArray[np.bool_], n: float) -> dict[str, Any]:
    """Return how the estimates `found`, each of value, low and high, do against the truth `hits`."""
    value, low, high = np.array(found).T
    share = hits.mean()
    of_random_draw = share * (1 - share) * (1 / n - 1 / len(hits))
    return {
        "repeats": len(value),
        "truth": float(share),
        "bias": float(value.mean() - share),
        "bias_se": float(value.std() / np.sqrt(len(value))),
        "coverage": float(((low <= share) & (share <= high)).mean()),
        "too_high": float((low > share).mean()),
        "too_low": float((high < share).mean()),
        "width": float((high - low).mean()),
        "worth": float(of_random_draw / value.var()),
    }


def _peers(sure: Floats, hits: npt.NDArray[np.bool_], drawn: Any, chances: Any) -> dict[str, Any]:
    arrays = {"sure": sure, "hits": hits} | {f"drawn/{key}": one for key, one in drawn.items()}
    return dict(run_peers(PEERS, arrays | {f"chance/{key}": one for key, one in chances.items()}))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown: estimates, then the guard."""
    lines = [
        "| of | audits | draw | estimator | bias, points | holds (of 95 %) | width, points | worth |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['scope']} | {row['size']} | {row['design']} | {row['method']} | "
        f"{100 * row['bias']:+.2f} ± {196 * row['bias_se']:.2f} | {row['coverage']:.1%} | "
        f"{100 * row['width']:.1f} | {row['worth']:.2f} |"
        for row in rows
        if row["scope"] != GUARD
    ]
    return "\n".join([*lines, "", guard_table([row for row in rows if row["scope"] == GUARD])])
