"""The promise that intervals hold where samples belong to authors, and what the sides of authors cost.

Authors have posts, as many as `posts` says, and a skill each: the model is right about a post with a chance
that is Beta distributed over authors, with the correlation `rho` of two posts of one author. The audit draws
authors, and posts of these, as goldloop does (`goldloop.core.chance.audit_draw`). `independent` are the
intervals that take each audit for independent; `guard` is how often an interval of the guard, by which a
policy is suspended, lies above the true share, which may happen in 5 % of all years of looks.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited
from goldloop.audit.guard import guard
from goldloop.core.chance import audit_draw, is_judging
from goldloop.core.samples import sample_id_of
from goldloop.stats.comparison import paired_difference
from goldloop.stats.metrics import Estimate, share_estimate
from scripts.bench.common import Report

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]

RATE = 0.1
SIZES = (1000, 3000, 10_000)  # posts; a tenth of them is audited
CORRELATIONS = (0.0, 0.1, 0.3)
WRONG = 0.1  # share of wrong labels
POSTS = ("2 each", "1 to 20", "heavy tail")


@dataclass(frozen=True, slots=True)
class World:
    """The author of each post (n,), and whether each of two models is right about it (n,)."""

    authors: Columns
    right: npt.NDArray[np.bool_]
    other: npt.NDArray[np.bool_]


def made(posts: str, n: int, rho: float, rng: np.random.Generator) -> World:
    """Return a world of about `n` posts."""
    sizes = {
        "2 each": lambda: np.full(n // 2, 2),
        "1 to 20": lambda: rng.integers(1, 21, n // 10),
        "heavy tail": lambda: np.minimum(rng.zipf(2.0, n // 3), n // 50),
    }[posts]()
    authors = np.repeat(np.arange(len(sizes)), sizes)

    def right() -> npt.NDArray[np.bool_]:
        if rho == 0:
            return rng.random(len(authors)) >= WRONG
        scale = (1 - rho) / rho
        wrong = rng.beta(WRONG * scale, (1 - WRONG) * scale, len(sizes))
        return np.asarray(rng.random(len(authors)) >= wrong[authors])

    return World(authors, right(), right())


def drawn(authors: Columns, seed: int) -> npt.NDArray[np.bool_]:
    """Return which posts are audited, (n,)."""
    return np.array(
        [
            audit_draw(
                sample_id_of(f"{row}".encode()), audit_rate=RATE, seed=seed, entity=f"a{author}"
            ).is_reserved
            for row, author in enumerate(authors.tolist())
        ]
    )


def run(report: Report, options: argparse.Namespace) -> None:
    """Report coverage for each size, distribution of posts and correlation."""
    for posts in POSTS:
        for size in SIZES:
            for rho in CORRELATIONS:
                _run(report, posts, size, rho, n=options.n)


def _run(report: Report, posts: str, size: int, rho: float, *, n: int) -> None:
    what = f"clusters/{posts}/{size} posts/rho {rho:g}"
    holds: dict[str, list[bool]] = {}
    widths, lost = [], []
    for seed in range(n):
        rng = np.random.default_rng((report.options.seed, size, seed))
        world = made(posts, size, rho, rng)
        audited = drawn(world.authors, seed)
        if audited.sum() < 10:
            continue
        right, other, clusters = world.right[audited], world.other[audited], world.authors[audited]
        truth, gap = float(world.right.mean()), float(world.right.mean() - world.other.mean())
        found = {
            "accuracy": (share_estimate(right, clusters=clusters), truth),
            "accuracy, independent": (share_estimate(right), truth),
            "difference": (paired_difference(right, other, clusters=clusters), gap),
            "difference, independent": (paired_difference(right, other), gap),
        }
        for name, (estimate, true) in found.items():
            holds.setdefault(name, []).append(estimate.low <= true <= estimate.high)
        widths.append(_width(found["accuracy"][0]) / _width(found["accuracy, independent"][0]))
        holds.setdefault("guard", []).append(_is_broken(right, clusters, 1 - truth))
        sides = np.array(
            [is_judging(f"a{one}", audit_rate=RATE, seed=seed) for one in range(world.authors.max() + 1)]
        )
        lost.append(float((sides[world.authors] & ~audited).sum() / (~audited).sum()))
    for name, flags in holds.items():
        report.share(f"{what}/{name}", np.array(flags))
    report.mean(f"{what}/width over independent", np.array(widths), "times")
    report.mean(f"{what}/posts that teach nothing", 100 * np.array(lost), "%")


def _width(estimate: Estimate) -> float:
    return estimate.high - estimate.low


def _is_broken(right: npt.NDArray[np.bool_], clusters: Columns, allowed: float) -> bool:
    """Return whether the guard would suspend a policy that lets exactly the allowed share through."""
    n = len(right)
    accepted = Audited(
        sample_ids=tuple(sample_id_of(f"{row}".encode()) for row in range(n)),
        truth=np.where(right, 0, 1),
        probs=np.tile([0.9, 0.1], (n, 1)),
        weights=np.ones(n),
        clusters=clusters.astype(np.str_),
        lanes=np.full(n, "auto"),
        rounds=np.zeros(n, dtype=np.intp),
    )
    return guard(accepted, max_error=allowed).is_broken
