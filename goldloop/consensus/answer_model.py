"""The answer model: an answer comes from one of four sources, or the annotator adopts a shown suggestion.

knows  the true label, always
errs   the annotator's own confusion matrix, shrunk towards the shared one while evidence is scarce
leans  the model's probabilities for the sample, whatever the true label
habit  the annotator's own label frequencies, whatever the sample; a spammer has no other source

All annotators start with the same shares of the sources, and evidence moves the shares apart. This is the
hierarchy of [kim2012] with few parameters at the first level, because most annotators answer few tasks.
A vote from a sheet has none of these sources: there the annotator clicks wrong suggestions, and how many they
overlook is known from planted errors (`goldloop.sheets`).
`leans` models that annotators and the model err on the same samples in the same direction; without it, their
agreement would count for too much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from goldloop.consensus.beliefs import normalised
from goldloop.consensus.estimates import Estimates
from goldloop.consensus.vote_arrays import VoteArrays
from goldloop.consensus.votes import Floats, sums

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

    votes: VoteArrays
    popularity: Floats
    accuracy: float
    shared: Floats
    own: Floats
    sources: Floats
    habits: Floats
    adoption: float

    @classmethod
    def prior(cls, votes: VoteArrays) -> Self:
        """Return the parameters before any evidence.

        Errors fall on labels in proportion to their share of the votes; otherwise the fit would explain a
        rare label as an error.
        """
        table = votes.table
        n_labels, n_annotators = len(table.labels), len(table.annotators)
        popularity = (np.bincount(table.label, minlength=n_labels) + 1.0) / (table.n_votes + n_labels)
        shared = _one_coin(PRIOR_ACCURACY, popularity)
        singly = ~table.is_on_sheet  # on a sheet, all votes of a page are alike
        counts = sums(np.eye(n_labels)[table.label[singly]], table.annotator[singly], n_annotators)
        return cls(
            votes=votes,
            popularity=popularity,
            accuracy=PRIOR_ACCURACY,
            shared=shared,
            own=np.tile(shared, (n_annotators, 1, 1)),
            sources=np.tile(_prior_sources(PRIOR_LEANS), (n_annotators, 1)),
            habits=normalised(counts + PRIOR_VOTES * popularity),
            adoption=PRIOR_ADOPTS,
        )

    @classmethod
    def of(cls, votes: VoteArrays, known: Estimates) -> Self:
        """Return the parameters as they are `known`, those of a newcomer where they are not."""
        rows = known.rows(votes.table.annotators)
        return cls(
            votes=votes,
            popularity=known.popularity,
            accuracy=known.accuracy,
            shared=known.shared,
            own=known.own[rows],
            sources=known.sources[rows],
            habits=known.habits[rows],
            adoption=known.adoption,
        )

    def likelihood(self, looks: Floats) -> Floats:
        """Return P(vote | label) of each vote, (K, n_votes); `looks` (K, n_samples) are the model's probs."""
        votes, table = self.votes, self.votes.table
        eye = np.eye(len(self.popularity))
        informed = self.sources[:, ERRS, None, None] * self.own + self.sources[:, KNOWS, None, None] * eye
        total: Floats = informed.transpose(1, 0, 2).reshape(len(eye), -1)[:, votes.cell]
        total += self.sources[table.annotator, LEANS] * looks[table.label, votes.sample]
        total += (self.sources[:, [HABIT]] * self.habits).ravel()[votes.cell]
        adopts = self.adoption * votes.is_shown
        total *= 1 - adopts
        total += adopts * votes.is_suggested
        total[:, votes.on_sheet] = self._on_sheets()
        return total

    def _on_sheets(self) -> Floats:
        """Return P(unclicked | label) / P(unclicked | the suggested label) of votes from sheets, (K, n)."""
        table, places = self.votes.table, self.votes.on_sheet
        total: Floats = np.tile(table.overlooked[places], (len(self.popularity), 1))
        total[table.label[places], np.arange(len(places))] = 1.0
        return total

    def updated(self, looks: Floats, labels: Floats, likelihood: Floats) -> Answering:
        """Return the parameters that explain the votes best when P(label) is `labels`, (K, n_samples).

        `likelihood` is the result of `likelihood(looks)` with the present parameters.
        """
        votes, table = self.votes, self.votes.table
        adopts = self.adoption * votes.is_shown
        ratio = labels[:, votes.sample]
        ratio /= likelihood
        ratio[:, votes.on_sheet] = 0.0  # they tell nothing of how annotators answer singly
        total = ratio.sum(axis=0)
        adopted = (adopts * votes.is_suggested * total).sum()
        total *= 1 - adopts
        right_way = ratio[table.label, np.arange(table.n_votes)] * (1 - adopts)
        ratio *= 1 - adopts
        own_tally = self.sources[:, ERRS, None, None] * self.own * votes.by_cell(ratio)
        parts = np.empty((len(table.annotators), 4))
        parts[:, KNOWS] = self.sources[:, KNOWS] * votes.by_annotator(right_way)
        parts[:, ERRS] = own_tally.sum(axis=(1, 2))
        parts[:, LEANS] = self.sources[:, LEANS] * votes.by_annotator(
            looks[table.label, votes.sample] * total
        )
        habits = self.habits.ravel()[votes.cell]
        parts[:, HABIT] = self.sources[:, HABIT] * votes.by_annotator(habits * total)

        tally = own_tally.sum(axis=0)
        right = self.accuracy / (self.accuracy + (1 - self.accuracy) * self.popularity)
        accuracy = (PRIOR_VOTES * PRIOR_ACCURACY + np.diag(tally) @ right) / (PRIOR_VOTES + tally.sum())
        shared = normalised(tally + PRIOR_VOTES * _one_coin(accuracy, self.popularity))
        leans = (parts[:, LEANS].sum() + PRIOR_VOTES * PRIOR_LEANS) / (parts.sum() + PRIOR_VOTES)
        return replace(
            self,
            accuracy=float(accuracy),
            shared=shared,
            own=normalised(own_tally + OWN_VOTES * shared),
            sources=normalised(parts + PRIOR_VOTES * _prior_sources(leans)),
            adoption=float((adopted + PRIOR_VOTES * PRIOR_ADOPTS) / ((adopts > 0).sum() + PRIOR_VOTES)),
        )


def typical(known: Estimates) -> tuple[Floats, float]:
    """Return the mean over votes of P(answer | label) without `leans`, (K, K), and the mean `leans`."""
    eye = np.eye(len(known.popularity))
    if not known.votes.sum():
        prior = _prior_sources(PRIOR_LEANS)
        blind = prior[HABIT] * known.popularity
        return prior[KNOWS] * eye + prior[ERRS] * known.shared + blind, prior[LEANS]
    sources = known.sources[:, :, None, None]
    matrices: Floats = sources[:, KNOWS] * eye + sources[:, ERRS] * known.own
    matrices += sources[:, HABIT] * known.habits[:, None, :]
    share = known.votes / known.votes.sum()
    return np.tensordot(share, matrices, axes=1), float(share @ known.sources[:, LEANS])


def _one_coin(accuracy: float, popularity: Floats) -> Floats:
    """Return the matrix of an annotator who knows with this probability and else answers by popularity."""
    matrix: Floats = accuracy * np.eye(len(popularity)) + (1 - accuracy) * popularity
    return matrix


def _prior_sources(leans: float) -> Floats:
    errs = 1 - PRIOR_KNOWS - leans - PRIOR_HABIT
    return np.array([PRIOR_KNOWS, errs, leans, PRIOR_HABIT])
