"""Possible truths of a quarter: draws of which samples are of another label than the first, and their sums.

Each draw takes parameters of the recalibrated model from their posterior, and then a label for every sample
whose truth is unknown [rubin1987]. A figure is the mean over the draws, and its interval holds the middle
95 % of them. What is known is the same in every draw, so that no interval of a loss reaches below it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from goldloop.core.error_costs import Columns
from goldloop.costs.population import PASSED, Paid, Population
from goldloop.costs.recalibration import recalibrate
from goldloop.stats.clusters import USUAL_CORRELATION
from goldloop.stats.measures import MIN_N, Measure, exact
from goldloop.stats.metrics import Estimate, Flags, Floats

N_DRAWS = 1000
"""Number of draws; the end of an interval is then off by 5 % of its standard deviation."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Possible:
    """Draws of the truth of a `population`.

    In draw `draws` (n_hits,) the sample in row `rows` (n_hits,) has the label in `columns` (n_hits,);
    all other samples of unknown truth are of the first label.
    """

    population: Population
    draws: Rows
    rows: Rows
    columns: Columns

    def where(self, chosen: Flags) -> Possible:
        """Return the draws of the samples whose entry in `chosen` (N,) is true."""
        kept = chosen[self.rows]
        places = np.cumsum(chosen) - 1
        return replace(
            self,
            population=self.population.where(chosen),
            draws=self.draws[kept],
            rows=places[self.rows[kept]],
            columns=self.columns[kept],
        )


def possible_truths(population: Population, *, seed: int = 0) -> Possible:
    """Return `N_DRAWS` draws of the truth, given all that is known of `population`."""
    unknown = np.flatnonzero(~population.is_known)
    if not len(unknown):
        none = np.zeros(0, dtype=np.intp)
        return Possible(population, none, none, none)
    rng, found = np.random.default_rng(seed), recalibrate(population)
    uniform = _Uniform(population.clusters[unknown], rng)
    draws, rows, columns = [], [], []
    for draw, parameters in enumerate(found.drawn(rng, N_DRAWS)):
        probs = found.likelihood.posterior(parameters)[:, unknown]
        reach = np.cumsum(probs[:PASSED:-1], axis=0)
        chance = uniform.drawn()
        hits = np.flatnonzero(chance < reach[-1])
        above = (chance[hits] >= reach[:, hits]).sum(axis=0)
        draws.append(np.full(len(hits), draw))
        rows.append(unknown[hits])
        columns.append(len(probs) - 1 - above)
    return Possible(population, np.concatenate(draws), np.concatenate(rows), np.concatenate(columns))


class _Uniform:
    """Uniform chances (n,), which two samples of one of the `clusters` (n,) share now and then.

    Each sample takes the chance of its cluster with probability sqrt(r). The labels of two samples of equal
    risk then have the correlation r, `USUAL_CORRELATION`.
    """

    def __init__(self, clusters: npt.NDArray[np.str_], rng: np.random.Generator) -> None:
        _, self.places = np.unique(clusters, return_inverse=True)
        self.n_clusters = int(self.places.max()) + 1
        self.rng = rng

    def drawn(self) -> Floats:
        """Return the chances of a draw."""
        n = len(self.places)
        own = self.rng.random(n)
        if self.n_clusters == n:
            return own
        is_shared = self.rng.random(n) < USUAL_CORRELATION**0.5
        return np.where(is_shared, self.rng.random(self.n_clusters)[self.places], own)


def sum_of(paid: Paid, possible: Possible, taken: Columns | None = None) -> Measure:
    """Return the sum of what `paid` makes of what samples were taken for in the end, or else of `taken` (N,).

    It is exact where all that counts is known. Otherwise there are too few with less than `MIN_N` audits:
    nothing else tells of what was stopped.
    """
    population = possible.population
    amounts = paid(population.taken if taken is None else taken)
    known = population.is_known
    sure = float(amounts[known, population.truth[known]].sum() + amounts[~known, PASSED].sum())
    if not np.ptp(amounts[~known], axis=1).any():
        return exact(sure, len(population))
    n = int(population.is_audited.sum())
    if n < MIN_N:
        return Measure(n, None, "too few audits")
    more = amounts[possible.rows, possible.columns] - amounts[possible.rows, PASSED]
    sums = sure + np.bincount(possible.draws, more, minlength=N_DRAWS)
    value = float(sums.mean())
    low, high = np.quantile(sums, [0.025, 0.975]).tolist()
    return Measure(n, Estimate(value, min(low, value), max(high, value), n))
