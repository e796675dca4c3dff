"""The population of a quarter: first decisions, what became of them, and what they cost.

What a sample was taken for in the end is known. Which label was right is known of what was reported or
audited; `goldloop.costs.possible` estimates it of all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

import numpy as np
import numpy.typing as npt

from goldloop.core.error_costs import Amounts, Columns, ErrorCosts, Matrix, Stakes
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs
from goldloop.costs.errors import Prices
from goldloop.stats.metrics import Flags, Floats

PASSED = 0
"""Column of the label that lets a sample pass: the first one."""

PEOPLE = (str(Lane.REVIEW), str(Lane.FULL))

UNKNOWN = -1
"""In place of a column: not known."""

Paid = Callable[[Columns], Amounts]
"""From what samples are taken for (N,) to amounts by true label, (N, n_labels)."""


@dataclass(frozen=True, slots=True)
class Population:
    """The samples of a time, in any order; every array is (N,), probabilities (N, n_labels).

    `probs` and `lanes` are those of the first decision, `taken` the columns of what samples were taken for in
    the end: people's label, or else what the policy decided. `truth` is the column that an outcome or an
    audit knows, or `UNKNOWN`. `is_labelled`: people labelled it, whom the policy asked; `is_reported`: an
    outcome says what it is; `is_audited`: the audit, a random draw, knows what it is. `clusters` tell whom a
    sample belongs to, `weeks` count from the quarter's first day. `reported_shares` is the share of reports
    that come by the sample's age, 0 where that is not known. `rates` says by lane how often people give each
    true label (row) which answer (column), and `rate_counts` on how many answers each row rests (n_labels,);
    lanes without an entry have rates that are known.
    """

    stakes: Stakes
    probs: Probs
    lanes: npt.NDArray[np.str_]
    taken: Columns
    truth: Columns
    is_labelled: Flags
    is_reported: Flags
    is_audited: Flags
    clusters: npt.NDArray[np.str_]
    weeks: npt.NDArray[np.intp]
    reported_shares: Floats
    rates: Mapping[str, Matrix]
    rate_counts: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.stakes)

    def where(self, rows: Flags) -> Population:
        """Return the samples whose entry in `rows` (N,) is true."""
        names = [one.name for one in fields(self) if one.name not in ("rates", "rate_counts")]
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @property
    def to_people(self) -> Flags:
        """Whether the first decision sent a sample to people, (N,)."""
        return np.isin(self.lanes, PEOPLE)

    @property
    def is_known(self) -> Flags:
        """Whether a report or an audit knows what a sample is, (N,)."""
        found: Flags = (self.is_reported | self.is_audited) & (self.truth != UNKNOWN)
        return found


def losses(costs: ErrorCosts, stakes: Stakes) -> Paid:
    """Return what samples cost that are not of the first label."""

    def paid(taken: Columns) -> Amounts:
        found = costs.of_taken(taken, stakes)
        found[:, PASSED] = 0.0
        return found

    return paid


def wrong_contacts(n_labels: int) -> Paid:
    """Return 1 where a sample of the first label was taken for another one."""

    def paid(taken: Columns) -> Amounts:
        found = np.zeros((len(taken), n_labels))
        found[:, PASSED] = taken != PASSED
        return found

    return paid


def errors(prices: Prices, stakes: Stakes) -> Paid:
    """Return what errors cost."""
    return lambda taken: prices.errors.of_taken(taken, stakes)
