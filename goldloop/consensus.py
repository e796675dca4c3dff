"""Consensus: from the annotations of one sample to a label, or to none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

MAJORITY = "majority/1"


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the annotators of one sample agree on.

    `label` is None when they do not: on a tie, or before enough of them have answered. `support` votes of
    `n_votes` stand behind the label (or behind the leading labels of a tie). `posterior` is the share of
    votes by label.
    """

    label: str | None
    method: str
    support: int
    n_votes: int
    posterior: Mapping[str, float]
    is_tie: bool


def majority(votes: Mapping[str, str], *, overlap: int) -> Consensus:
    """Return the majority label of `votes` (label by annotator), never deciding a tie.

    A label needs more than half of the `overlap` votes that were asked for, and more votes than any other
    label; until then there is no consensus. One annotator has one vote; skips are not votes.
    """
    counts = Counter(votes.values())
    n_votes = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    support = ranked[0][1] if ranked else 0
    is_shared = len(ranked) > 1 and ranked[1][1] == support
    has_enough = support > overlap / 2
    return Consensus(
        label=ranked[0][0] if has_enough and not is_shared else None,
        method=MAJORITY,
        support=support,
        n_votes=n_votes,
        posterior={label: count / n_votes for label, count in sorted(counts.items())},
        is_tie=is_shared and n_votes >= overlap,
    )
