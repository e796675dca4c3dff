"""Settled votes: the votes from which the estimates of annotators and model are made.

With few votes these are all. With many, one vote more tells next to nothing of anybody, but would move every
posterior by a little, and each gold record with it. The estimates then rest on the first votes given, and
take in further ones when these are STEP more. They are a function of the votes and of the moments at which
they were given; it does not matter when goldloop has read them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from goldloop.consensus.votes import NONE, VoteTable

ALL_UP_TO = 10_000
"""Up to this number of votes, all of them make the estimates."""

STEP = 1.05
"""The ratio of one number of settled votes to the next: at most a twentieth of the votes waits."""

NOBODY = ""
"""The annotator without a settled vote, whose estimates those of a newcomer are."""


def n_settled(n_votes: int) -> int:
    """Return how many of `n_votes` are settled.

    >>> [n_settled(n) for n in (9_000, 10_000, 10_400, 10_600)]
    [9000, 10000, 10000, 10500]
    """
    n = ALL_UP_TO
    if n_votes <= n:
        return n_votes
    while (more := max(n + 1, int(n * STEP))) <= n_votes:
        n = more
    return n


def settled_votes(table: VoteTable) -> VoteTable:
    """Return the settled votes of `table`, their samples and annotators, and NOBODY as the last annotator.

    Returns `table` itself while all its votes are settled. A decision counts if it was known when the last
    settled vote was given. Votes of one moment are settled in order of sample and annotator.
    """
    if table.n_votes <= ALL_UP_TO:
        return table
    order = np.argsort(table.given_at, kind="stable")[: n_settled(table.n_votes)]
    is_settled = np.zeros(table.n_votes, dtype=bool)
    is_settled[order] = True
    part = _votes_of(table, is_settled)
    is_known = part.decided_at <= table.given_at[order[-1]]
    return replace(part, decision=np.where(is_known, part.decision, NONE))


def _votes_of(table: VoteTable, is_taken: np.typing.NDArray[np.bool_]) -> VoteTable:
    """Return the votes that are taken, their samples and annotators, and NOBODY as the last annotator."""
    samples, sample = np.unique(table.sample[is_taken], return_inverse=True)
    people, annotator = np.unique(table.annotator[is_taken], return_inverse=True)
    return VoteTable(
        labels=table.labels,
        annotators=(*(table.annotators[who] for who in people.tolist()), NOBODY),
        sample=sample,
        annotator=annotator,
        label=table.label[is_taken],
        shown=table.shown[is_taken],
        decision=table.decision[samples],
        probs=table.probs[samples],
        given_at=table.given_at[is_taken],
        decided_at=table.decided_at[samples],
        overlooked=table.overlooked[is_taken],
    )


def settled_until(table: VoteTable) -> int:
    """Return the moment of the last settled vote, in microseconds."""
    moments = np.sort(table.given_at)
    return int(moments[n_settled(table.n_votes) - 1])
