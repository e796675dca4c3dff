"""Whether rare labels are found: one label of 1 % and one of 5 % of all samples, within 300 answers.

The samples are those of a file of features, of which two labels drawn by chance keep so few. goldloop's own
selection spends the answers, the audit included, and a linear model is trained between the rounds. Of the
answers a fifth is set aside for second answers, which find nothing.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from goldloop.core.lanes import Lane
from goldloop.core.modality import Features
from goldloop.core.predictions import Candidate
from goldloop.core.probs import Probs
from goldloop.core.samples import BatchId, SampleId
from goldloop.selection.first_samples import reduced
from goldloop.selection.next_samples import Known, next_samples
from goldloop.selection.select import Spending, select
from goldloop.selection.strategies import margins
from models.linear import cross_validated, fit_linear
from scripts.bench.common import Report, repeated

SHARES = (0.01, 0.05)
ROUNDS = (120, 120)  # first answers; a fifth of 300 is for second ones
AUDIT_RATE, AUDIT_SHARE, AUDIT_ANSWERS = 0.10, 0.40, 2  # the defaults of the settings
STRATEGIES = ("random", "margin_kmeans", "adjusted_margin_kmeans")

Columns = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class World:
    """Samples with features (n, d) and columns (n,) of labels, of which `rare` are two; ids are by row."""

    features: npt.NDArray[np.float16]
    columns: Columns
    rare: tuple[int, int]
    ids: list[SampleId]

    @property
    def row_of(self) -> dict[SampleId, int]:
        """Row of each sample."""
        return {sample_id: row for row, sample_id in enumerate(self.ids)}


def run(report: Report, options: argparse.Namespace) -> None:
    """Report in how many seeds both labels are found, and how many samples of each."""
    if options.features is None:
        raise SystemExit("the part rare needs --features FILE.npz with arrays x and y")
    seeds = range(options.seed, options.seed + options.n)
    for name in STRATEGIES:
        paths = [options.features] * options.n
        found = np.stack(repeated(n_found, seeds, [name] * options.n, paths, jobs=options.jobs))
        place = f"rare/{options.features.stem}/{name}"
        report.share(f"{place}/both found", (found > 0).all(axis=1))
        for share, column in zip(SHARES, found.T, strict=True):
            report.mean(f"{place}/of the label of {share:.0%}", column.astype(float), "samples")


def n_found(seed: int, strategy: str, path: Path) -> npt.NDArray[np.int64]:
    """Return how many samples of each rare label annotators got, shape (2,)."""
    world = world_of(path, seed)
    row_of, asked = world.row_of, np.zeros(0, dtype=np.int64)
    probs: Probs | None = None
    for n_answers in ROUNDS:
        spending = Spending(
            n_answers,
            audit_rate=AUDIT_RATE,
            audit_share=AUDIT_SHARE,
            seed=seed,
            audit_answers=AUDIT_ANSWERS,
        )
        rank = partial(next_samples, strategy=strategy, known=_known(world, probs, asked), seed=seed)
        choices = select(_pool(world, probs, asked), spending, rank=rank)
        chosen = [row_of[choice.candidate.sample_id] for choice in choices]
        asked = np.concatenate([asked, np.array(chosen, dtype=np.int64)])
        probs = _learnt(world, asked)
    return np.array([np.sum(world.columns[asked] == label) for label in world.rare])


@cache
def world_of(path: Path, seed: int) -> World:
    """Return the samples of a file, of which two labels are made rare."""
    with np.load(path) as arrays:
        features, columns = arrays["x"].astype(np.float16), arrays["y"].astype(np.int64)
    rng = np.random.default_rng([seed, 5])
    labels, counts = np.unique(columns, return_counts=True)
    second = int(rng.choice(labels[counts >= SHARES[1] * len(columns)]))
    first = int(rng.choice(labels[labels != second]))
    common = np.flatnonzero(~np.isin(columns, [first, second]))
    n = round(len(common) / (1 - sum(SHARES)))
    kept = [
        rng.choice(np.flatnonzero(columns == label), round(share * n), replace=False)
        for label, share in zip((first, second), SHARES, strict=True)
    ]
    rows = np.sort(np.concatenate([common, *kept]))
    ids = [SampleId(hashlib.sha256(f"{seed} {row}".encode()).hexdigest()) for row in rows]
    return World(features[rows], columns[rows], (first, second), ids)


def _pool(world: World, probs: Probs | None, asked: Columns) -> list[Candidate]:
    taken = set(asked.tolist())
    of_rows = [None] * len(world.ids) if probs is None else margins(probs).tolist()
    return [
        Candidate(sample_id, BatchId("all"), Lane.HOLD, of_rows[row])
        for row, sample_id in enumerate(world.ids)
        if row not in taken
    ]


def _known(world: World, probs: Probs | None, asked: Columns) -> Known:
    row_of = world.row_of

    def features_of(ids: Iterable[SampleId]) -> Features:
        return {sample_id: world.features[row_of[sample_id]] for sample_id in ids}

    def probs_of(ids: Sequence[SampleId]) -> Probs:
        assert probs is not None
        return probs[[row_of[sample_id] for sample_id in ids]]

    return Known(features_of, probs_of, asked=[world.ids[row] for row in asked])


def _learnt(world: World, asked: Columns) -> Probs | None:
    """Return what a model of the answers says of all samples, (n, n_labels); None with one label alone."""
    known, n_labels = world.columns[asked], int(world.columns.max()) + 1
    if len(np.unique(known)) < 2:
        return None
    rows = reduced(world.features)
    strength = cross_validated(rows[asked], known, n_labels).inverse_regularisation
    weights, intercepts = fit_linear(rows[asked], known, n_labels, inverse_regularisation=strength)
    return np.asarray(softmax(rows @ weights.T + intercepts, axis=1), dtype=np.float64)
