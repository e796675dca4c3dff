"""Replaying: past rounds' decisions as another policy would have taken them; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from goldloop.audit.audited import Audited, Traffic
from goldloop.core.lanes import Lane
from goldloop.routing.outcomes import PEOPLE
from goldloop.routing.policies import LaneRow, Policy
from goldloop.stats.metrics import Estimate, share_estimate


@dataclass(frozen=True, slots=True)
class Side:
    """One policy's part: share of the round's samples to people, and of errors among what it accepts.

    `let_through` is None where no audited sample was accepted.
    """

    to_people: float
    let_through: Estimate | None


@dataclass(frozen=True, slots=True)
class ReplayedRound:
    """One round's decisions as they were taken and as another policy takes them.

    `moves` counts the samples whose lane changes, by "from -> to".
    """

    round: int
    n: int
    n_audited: int
    moves: Mapping[str, int]
    before: Side
    after: Side

    @property
    def n_moved(self) -> int:
        """Samples whose lane changes."""
        return sum(self.moves.values())


def replay(traffic: Traffic, audited: Audited, policy: Policy) -> list[ReplayedRound]:
    """Return each round's decisions of `traffic` under `policy`, beside those that were taken, oldest first.

    `audited` are the audited ones of the same traffic as it was first scored.
    """
    lanes, of_audited = policy.lanes(traffic.probs), policy.lanes(audited.probs)
    found = []
    for number in np.unique(traffic.rounds).tolist():
        rows, judged = traffic.rounds == number, audited.rounds == number
        pairs = Counter(zip(traffic.lanes[rows].tolist(), lanes[rows].tolist(), strict=True))
        found.append(
            ReplayedRound(
                round=number,
                n=int(rows.sum()),
                n_audited=int(judged.sum()),
                moves={f"{old} -> {new}": n for (old, new), n in sorted(pairs.items()) if old != new},
                before=_side(traffic.lanes[rows], audited.lanes[judged], audited.where(judged)),
                after=_side(lanes[rows], of_audited[judged], audited.where(judged)),
            )
        )
    return found


def _side(lanes: LaneRow, of_audited: LaneRow, audited: Audited) -> Side:
    kept = audited.where(of_audited == str(Lane.AUTO))
    let_through = share_estimate(~kept.is_right, weights=kept.weights) if len(kept) else None
    return Side(float(np.isin(lanes, PEOPLE).mean()), let_through)
