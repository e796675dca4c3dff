"""What decisions on the payments of the test cost: approving all, the plain line at 0.5, and the loop's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs
from goldloop.reports.formatting import number, percent
from goldloop.reports.section import Row as TableRow
from goldloop.routing.policies import Policy
from goldloop.stats.metrics import Estimate
from goldloop.wiring import Wiring
from scripts.demo_loop.comparison import Closing
from scripts.demo_loop.moderation import policies_after_rounds
from scripts.demo_loop.payments import CONTACT, FEE, LABELS, Payments
from scripts.demo_loop.team import SimulatedTeam

FRAUD = LABELS.index("fraud")
N_RESAMPLES = 2000

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decisions:
    """A way of deciding on n payments: which it declines, and the seconds of people, both (n,)."""

    name: str
    is_declined: Flags
    seconds: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DecisionCost:
    """The cost of a way per 1,000 payments with a 95 % interval, and what it does to customers and frauds."""

    name: str
    per_1000: Estimate
    to_people: float
    minutes_per_1000: float
    n_missed: int
    n_stopped: int


def decision_costs(parts: Wiring, found: Closing, payments: Payments, seed: int) -> list[DecisionCost]:
    """Return the cost of each way of deciding on the test, which never entered the loop and came later."""
    champion = found.last.champion
    policy = policies_after_rounds(parts)[found.rows[-1].round]
    amounts = np.array([one.amount for one in payments.test])
    is_fraud = champion.truth == FRAUD
    nobody = np.zeros(len(amounts))
    ways = [
        Decisions("approve all", np.zeros(len(amounts), dtype=bool), nobody),
        Decisions("decline where fraud is likelier (p >= .5)", champion.probs[:, FRAUD] >= 0.5, nobody),
        loop_decisions(champion.probs, policy, payments, seed),
    ]
    minute = parts.settings.cost.minute
    return [cost_of(way, amounts, is_fraud, minute=minute) for way in ways]


def loop_decisions(probs: Probs, policy: Policy, payments: Payments, seed: int) -> Decisions:
    """Return what the policy in force does: it decides what it accepts, and one analyst all else."""
    amounts = np.array([one.amount for one in payments.test])
    is_declined = policy.decided(probs, amounts) == FRAUD
    seconds = np.zeros(len(probs))
    team = SimulatedTeam(payments, seed)
    for row in np.flatnonzero(policy.lanes(probs, amounts) != str(Lane.AUTO)).tolist():
        is_declined[row] = False
        for said, took in team.asked(payments.test[row], row):
            seconds[row] += took
            if said is not None:
                is_declined[row] = said == LABELS[FRAUD]
                break
    return Decisions("the loop", is_declined, seconds)


def cost_of(
    way: Decisions, amounts: npt.NDArray[np.float64], is_fraud: Flags, *, minute: float
) -> DecisionCost:
    """Return what `way` costs: a missed fraud its amount and FEE, a stopped customer CONTACT, and time."""
    is_missed, is_stopped = is_fraud & ~way.is_declined, ~is_fraud & way.is_declined
    costs = is_missed * (amounts + FEE) + is_stopped * CONTACT + way.seconds / 60 * minute
    rng = np.random.default_rng(0)
    drawn = [float(costs[rng.integers(len(costs), size=len(costs))].mean()) for _ in range(N_RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return DecisionCost(
        way.name,
        Estimate(1000 * float(costs.mean()), 1000 * float(low), 1000 * float(high), n=len(costs)),
        float((way.seconds > 0).mean()),
        1000 * float(way.seconds.mean()) / 60,
        int(is_missed.sum()),
        int(is_stopped.sum()),
    )


def decision_rows(costs: list[DecisionCost]) -> list[TableRow]:
    """Return the rows of a table of what decisions cost."""
    return [
        {
            "decisions": one.name,
            "EUR per 1,000": f"{one.per_1000.value:,.0f} [{one.per_1000.low:,.0f}, {one.per_1000.high:,.0f}]",
            "to people": percent(one.to_people),
            "minutes per 1,000": number(one.minutes_per_1000),
            "frauds missed": one.n_missed,
            "customers stopped": one.n_stopped,
        }
        for one in costs
    ]
