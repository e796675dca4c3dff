"""The answer model: an answer comes from one of four sources, or the annotator adopts a shown suggestion.

knows  the true label, always
errs   the annotator's own confusion matrix, shrunk towards the shared one while evidence is scarce
leans  the model's probabilities for the sample, whatever the true label
habit  the annotator's own label frequencies, whatever the sample; a spammer has no other source

All annotators start with the same shares of the sources, and evidence moves the shares apart. This is the
hierarchy of [kim2012] with few parameters at the first level, because most annotators answer few tasks.
`leans` models that annotators and the model err on the same samples in the same direction; without it, their
agreement would count for too much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from goldloop.consensus.votes import NONE, Floats, VoteTable

PRIOR_ACCURACY = 0.95
"""Prior accuracy of the shared matrix; over all four sources, annotators are right in 0.9."""

PRIOR_VOTES = 10.0
"""Weight in votes of each prior: the accuracy, a row of the shared matrix, an annotator's sources."""

OWN_VOTES = 200.0
"""Votes by true label at which an annotator's own matrix counts as much as the shared one.

This is far more than a single parameter would need, because the labels that a matrix is fitted to depend on
the same annotator's votes: with 20, a few dozen votes an annotator spoiled calibration (docs/decisions/0009).
"""

PRIOR_KNOWS, PRIOR_LEANS, PRIOR_HABIT, PRIOR_ADOPTS = 0.10, 0.10, 0.03, 0.10
"""Prior shares of the sources (`errs` is the rest), and of shown suggestions that annotators adopt.

0.10 of real answers lean (docs/decisions/0009); a few dozen votes overrule the other values.
"""

KNOWS, ERRS, LEANS, HABIT = range(4)


@dataclass(frozen=True, slots=True)
class Answering:
    """P(answer | label, annotator), shapes with A annotators and K labels.

    `accuracy` scalar, `shared` (K, K) and `own` (A, K, K) with row the truth, `sources` (A, 4) rows summing
    to 1, `habits` (A, K), `adoption` scalar: how often annotators adopt a shown suggestion unseen.
    """

    table: VoteTable
    popularity: Floats
    accuracy: float
    shared: Floats
    own: Floats
    sources: Floats
    habits: Floats
    adoption: float

    @classmethod
    def prior(cls, table: VoteTable) -> Self:
        """Return the parameters before any evidence.

        Errors fall on labels in proportion to their share of the votes; otherwise the fit would explain a
        rare label as an error.
        """
        n_labels, n_annotators = len(table.labels), len(table.annotators)
        popularity = (np.bincount(table.label, minlength=n_labels) + 1.0) / (table.n_votes + n_labels)
        shared = _one_coin(PRIOR_ACCURACY, popularity)
        counts = np.zeros((n_annotators, n_labels))
        np.add.at(counts, (table.annotator, table.label), 1)
        habits = counts + PRIOR_VOTES * popularity
        return cls(
            table=table,
            popularity=popularity,
            accuracy=PRIOR_ACCURACY,
            shared=shared,
            own=np.tile(shared, (n_annotators, 1, 1)),
            sources=np.tile(_prior_sources(PRIOR_LEANS), (n_annotators, 1)),
            habits=habits / habits.sum(axis=1, keepdims=True),
            adoption=PRIOR_ADOPTS,
        )

    def _adoptions(self) -> tuple[Floats, Floats]:
        """Return each vote's chance of being adopted, and whether the suggestion equals the vote."""
        is_shown = self.table.shown != NONE
        return self.adoption * is_shown, (self.table.shown == self.table.label).astype(np.float64)

    def _own_of_votes(self) -> Floats:
        """Return P(vote | label) by each voter's own matrix, (n_votes, K)."""
        n_labels = len(self.popularity)
        by_answer = np.ascontiguousarray(self.own.transpose(0, 2, 1)).reshape(-1, n_labels)
        chances: Floats = by_answer[self.table.annotator * n_labels + self.table.label]
        return chances

    def likelihood(self, looks: Floats) -> Floats:
        """Return P(vote | label) of each vote, (n_votes, K); `looks` (n_samples, K) are the model's probs."""
        table = self.table
        sources, rows = self.sources[table.annotator], np.arange(table.n_votes)
        informed = sources[:, [ERRS]] * self._own_of_votes()
        informed[rows, table.label] += sources[:, KNOWS]
        blind = sources[:, LEANS] * looks[table.sample, table.label]
        blind += sources[:, HABIT] * self.habits[table.annotator, table.label]
        adopts, is_suggested = self._adoptions()
        total: Floats = (1 - adopts)[:, None] * (informed + blind[:, None]) + (adopts * is_suggested)[:, None]
        return total

    def updated(self, looks: Floats, labels: Floats, likelihood: Floats) -> Answering:
        """Return the parameters that explain the votes best when P(label) is `labels`, (n_samples, K).

        `likelihood` is the result of `likelihood(looks)` with the present parameters.
        """
        table = self.table
        n_labels, n_annotators, rows = len(table.labels), len(table.annotators), np.arange(table.n_votes)
        adopts, is_suggested = self._adoptions()
        ratio = labels[table.sample] / likelihood
        total = ratio.sum(axis=1)
        sources = self.sources[table.annotator] * (1 - adopts)[:, None]
        errs = sources[:, [ERRS]] * self._own_of_votes() * ratio
        parts = np.empty((table.n_votes, 4))
        parts[:, KNOWS] = sources[:, KNOWS] * ratio[rows, table.label]
        parts[:, ERRS] = errs.sum(axis=1)
        parts[:, LEANS] = sources[:, LEANS] * looks[table.sample, table.label] * total
        parts[:, HABIT] = sources[:, HABIT] * self.habits[table.annotator, table.label] * total

        cell = table.annotator * n_labels + table.label
        by_cell = csr_array((np.ones(table.n_votes), (cell, rows)), (n_annotators * n_labels, table.n_votes))
        own_tally = (by_cell @ errs).reshape(n_annotators, n_labels, n_labels).transpose(0, 2, 1)
        tally = own_tally.sum(axis=0)
        right = self.accuracy / (self.accuracy + (1 - self.accuracy) * self.popularity)
        accuracy = (PRIOR_VOTES * PRIOR_ACCURACY + np.diag(tally) @ right) / (PRIOR_VOTES + tally.sum())
        shared = _rows(tally + PRIOR_VOTES * _one_coin(accuracy, self.popularity))
        leans = (parts[:, LEANS].sum() + PRIOR_VOTES * PRIOR_LEANS) / (parts.sum() + PRIOR_VOTES)
        of_annotator = table.votes_of_annotators() @ parts
        adopted = (adopts * is_suggested * total).sum()
        return replace(
            self,
            accuracy=float(accuracy),
            shared=shared,
            own=_rows(own_tally + OWN_VOTES * shared),
            sources=_rows(of_annotator + PRIOR_VOTES * _prior_sources(leans)),
            adoption=float((adopted + PRIOR_VOTES * PRIOR_ADOPTS) / ((adopts > 0).sum() + PRIOR_VOTES)),
        )

    def matrices(self) -> Floats:
        """Return P(answer | label) of each annotator without the source `leans`, (A, K, K)."""
        sources = self.sources[:, :, None, None]
        knows = sources[:, KNOWS] * np.eye(len(self.popularity))
        errs, habit = sources[:, ERRS] * self.own, sources[:, HABIT] * self.habits[:, None, :]
        matrices: Floats = knows + errs + habit
        return matrices

    def typical(self) -> tuple[Floats, float]:
        """Return the mean of `matrices` over votes, (K, K), and the mean share of `leans`."""
        votes = np.bincount(self.table.annotator, minlength=len(self.sources))
        if not votes.sum():
            sources = _prior_sources(PRIOR_LEANS)
            knows = sources[KNOWS] * np.eye(len(self.popularity))
            return knows + sources[ERRS] * self.shared + sources[HABIT] * self.popularity, sources[LEANS]
        share = votes / votes.sum()
        return np.tensordot(share, self.matrices(), axes=1), float(share @ self.sources[:, LEANS])


def _one_coin(accuracy: float, popularity: Floats) -> Floats:
    """Return the matrix of an annotator who knows with this probability and else answers by popularity."""
    matrix: Floats = accuracy * np.eye(len(popularity)) + (1 - accuracy) * popularity
    return matrix


def _prior_sources(leans: float) -> Floats:
    errs = 1 - PRIOR_KNOWS - leans - PRIOR_HABIT
    return np.array([PRIOR_KNOWS, errs, leans, PRIOR_HABIT])


def _rows(counts: Floats) -> Floats:
    shares: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return shares
