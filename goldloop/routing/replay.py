"""Replay: the decisions of past rounds under another policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.audit.audited import Audited, Traffic
from goldloop.core.lanes import Lane
from goldloop.routing.outcomes import PEOPLE, under
from goldloop.routing.policies import Policy
from goldloop.stats.metrics import Estimate


@dataclass(frozen=True, slots=True)
class Side:
    """Under one policy: the share of the round's samples for annotators, and of errors among the accepted.

    `let_through` is None where no audited sample was accepted.
    """

    to_people: float
    let_through: Estimate | None


@dataclass(frozen=True, slots=True)
class ReplayedRound:
    """The decisions of one round, as they were made and under another policy.

    `moves` counts the samples whose lane changes, by "from -> to".
    """

    round: int
    n: int
    n_audited: int
    moves: Mapping[str, int]
    before: Side
    after: Side


def replay(traffic: Traffic, audited: Audited, policy: Policy) -> list[ReplayedRound]:
    """Return the decisions of each round under `policy`, beside those that were made, oldest first.

    `audited` are the audited samples of `traffic`, as they were first scored.
    """
    after, audited_after = under(policy, traffic), under(policy, audited)
    replayed = []
    for number in np.unique(traffic.rounds).tolist():
        rows, is_audited = traffic.rounds == number, audited.rounds == number
        pairs = Counter(zip(traffic.lanes[rows].tolist(), after.lanes[rows].tolist(), strict=True))
        replayed.append(
            ReplayedRound(
                round=number,
                n=int(rows.sum()),
                n_audited=int(is_audited.sum()),
                moves={f"{old} -> {new}": n for (old, new), n in sorted(pairs.items()) if old != new},
                before=_side(traffic.where(rows), audited.where(is_audited)),
                after=_side(after.where(rows), audited_after.where(is_audited)),
            )
        )
    return replayed


def _side(traffic: Traffic, audited: Audited) -> Side:
    accepted = audited.where(audited.lanes == str(Lane.AUTO))
    return Side(float(np.isin(traffic.lanes, PEOPLE).mean()), accepted.wrong_share())
