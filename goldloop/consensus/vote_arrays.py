"""Vote arrays: the votes of a table as the fit reads them in every iteration, with the labels first.

Sums over labels then run along the memory, which is several times faster where there are few labels and many
samples. Samples with a prediction come first, so that those are one slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from goldloop.consensus.votes import NONE, Floats, VoteTable
from goldloop.stats.metrics import Columns, Flags

_RESCALED = 16  # votes of one sample after which their product is brought back from where floats end


@dataclass(frozen=True, slots=True)
class VoteArrays:
    """The votes of `table`, sample numbers as places in `order`, of which the first `n_probs` have probs.

    `cell` is the number of each vote's pair of annotator and label. `is_shown` and `is_suggested` say of each
    vote whether a suggestion was shown and whether it equals the vote; votes from sheets, whose places are in
    `on_sheet`, count as not shown, because what people overlook there is known. `turns` holds the numbers of
    the first votes of all samples, then of the second ones, and so on. `decided` are places with a decision,
    `decision` their labels.
    """

    table: VoteTable
    order: Columns
    place: Columns
    n_probs: int
    sample: Columns
    cell: Columns
    is_shown: Floats
    is_suggested: Floats
    turns: tuple[Columns, ...]
    decided: Columns
    decision: Columns
    on_sheet: Columns

    @classmethod
    def of(cls, table: VoteTable) -> Self:
        """Return the votes of `table` in this arrangement."""
        has_probs: Flags = ~np.isnan(table.probs[:, 0])
        order = np.argsort(~has_probs, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        first = np.searchsorted(table.sample, table.sample)
        turn = np.arange(table.n_votes) - first
        decided = np.flatnonzero(table.is_decided)
        return cls(
            table=table,
            order=order,
            place=place,
            n_probs=int(has_probs.sum()),
            sample=place[table.sample],
            cell=table.annotator * len(table.labels) + table.label,
            is_shown=((table.shown != NONE) & ~table.is_on_sheet).astype(np.float64),
            is_suggested=(table.shown == table.label).astype(np.float64),
            turns=tuple(np.flatnonzero(turn == k) for k in range(turn.max(initial=-1) + 1)),
            decided=place[decided],
            decision=table.decision[decided],
            on_sheet=np.flatnonzero(table.is_on_sheet),
        )

    def evidence(self, likelihood: Floats) -> Floats:
        """Return the product of each sample's columns of `likelihood` (K, n_votes), (K, n_samples).

        It is right up to one factor for each sample.
        """
        product = np.ones((len(likelihood), self.table.n_samples))
        for number, votes in enumerate(self.turns, 1):
            product[:, self.sample[votes]] *= likelihood[:, votes]
            if number % _RESCALED == 0:
                product /= product.max(axis=0)
        return product

    def with_decisions(self, prior: Floats) -> Floats:
        """Return `prior` (K, n_samples) with probability 1 for each label that was decided."""
        clamped = prior.copy()
        clamped[:, self.decided] = 0
        clamped[self.decision, self.decided] = 1
        return clamped

    def by_cell(self, values: Floats) -> Floats:
        """Return the sums of `values` (K, n_votes) by annotator and label of the vote, (A, K, K)."""
        n_labels, n_annotators = len(self.table.labels), len(self.table.annotators)
        n_cells = n_annotators * n_labels
        summed = np.array([np.bincount(self.cell, row, n_cells) for row in values])
        return summed.reshape(len(values), n_annotators, n_labels).transpose(1, 0, 2)

    def by_annotator(self, values: Floats) -> Floats:
        """Return the sums of `values` (n_votes,) by annotator."""
        n_annotators = len(self.table.annotators)
        summed: Floats = np.asarray(np.bincount(self.table.annotator, values, n_annotators), np.float64)
        return summed
