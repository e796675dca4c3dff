"""The population of a quarter: first decisions, what became of them, and the sum of an amount over them.

What a sample was taken for in the end is known. Which label was right is known of what was reported, and
estimated of all others: from the model's probabilities, corrected by the audits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from goldloop.core.error_costs import Amounts, Columns, ErrorCosts, Matrix, Stakes
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs
from goldloop.costs.errors import Prices
from goldloop.stats.measures import Measure, difference, exact, total
from goldloop.stats.metrics import Flags, Floats
from goldloop.stats.totals import Stratum, total_of

PASSED = 0
"""Column of the label that lets a sample pass: the first one."""

PEOPLE = (str(Lane.REVIEW), str(Lane.FULL))

UNKNOWN = -1
"""In place of a column: not known."""


COMPLETE = 0.9
"""Share of the frauds that passed which are ever reported, as far as no audit shows it."""

Paid = Callable[[Columns], Amounts]
"""From what samples are taken for (N,) to amounts by true label, (N, n_labels)."""


@dataclass(frozen=True, slots=True)
class Population:
    """The samples of a time, in any order; every array is (N,), probabilities (N, n_labels).

    `probs` and `lanes` are those of the first decision, `decided` the columns of what the policy took samples
    for, `taken` of what they were taken for in the end: people's label, or else the decided one. `truth` is
    the column that an outcome or an audit knows, or `UNKNOWN`. `is_labelled`: people labelled it, whom the
    policy asked; `is_reported`: an outcome says what it is; `is_audited`: the audit knows what it is.
    `weights` are those of the audits (else 0), `chances` in proportion to the chance of the draw, `clusters`
    whom a sample belongs to. `weeks` counts from the quarter's first day. `reported_shares` is the share of
    reports that come by the sample's age, 0 where that is not known. `rates` says by lane how often people
    give each true label (row) which answer (column).
    """

    stakes: Stakes
    probs: Probs
    lanes: npt.NDArray[np.str_]
    decided: Columns
    taken: Columns
    truth: Columns
    is_labelled: Flags
    is_reported: Flags
    is_audited: Flags
    weights: Floats
    chances: Floats
    clusters: npt.NDArray[np.str_]
    weeks: npt.NDArray[np.intp]
    reported_shares: Floats
    rates: Mapping[str, Matrix]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.stakes)

    def where(self, rows: Flags) -> Population:
        """Return the samples whose entry in `rows` (N,) is true."""
        names = [one.name for one in fields(self) if one.name != "rates"]
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    @property
    def to_people(self) -> Flags:
        """Whether the first decision sent a sample to people, (N,)."""
        return np.isin(self.lanes, PEOPLE)

    def answer_rates(self, answered: Columns) -> Probs:
        """Return how often people answer `answered` (N,) for each true label, (N, n_labels)."""
        found = np.ones_like(self.probs)
        for lane, matrix in self.rates.items():
            rows = self.lanes == lane
            found[rows] = np.asarray(matrix)[:, answered[rows]].T
        return found

    def unreported(self, taken: Columns) -> Probs:
        """Return which share of each true label is not reported yet, taken for `taken`, (N, n_labels)."""
        found = np.ones_like(self.probs)
        passed = taken == PASSED
        found[passed, PASSED + 1 :] -= COMPLETE * self.reported_shares[passed, None]
        return found

    def believed(self, taken: Columns, is_answered: Flags) -> Probs:
        """Return what is probable of samples without a report, after people's answers where there are any."""
        rates = np.where(is_answered[:, None], self.answer_rates(taken), 1.0)
        joint = self.probs * rates * self.unreported(taken)
        sums: Probs = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
        return sums


def difference_of(paid: Paid, population: Population, taken: Columns | None = None) -> Measure:
    """Return `sum_of` of amounts of either sign: what is above 0, minus what is below it."""
    above = sum_of(lambda one: np.maximum(paid(one), 0.0), population, taken)
    below = sum_of(lambda one: np.maximum(-paid(one), 0.0), population, taken)
    return difference(above, below)


def sum_of(paid: Paid, population: Population, taken: Columns | None = None) -> Measure:
    """Return the sum of what `paid`, at least 0, makes of what samples were taken for, or else of `taken`.

    What is reported counts as it says, and so do audits of what was sent to people. Of all others the model
    expects something, after people's answers and the reports that have not come; audits correct it, those of
    what went to people by what people's answers to them would have been.
    """
    amounts = paid(population.taken if taken is None else taken)
    audited_here = population.to_people & population.is_audited
    known = population.is_reported | audited_here
    sure = exact(float(amounts[known, population.truth[known]].sum()), int(known.sum()))
    if not np.ptp(amounts[~known], axis=1).any():
        return exact(float(amounts[~known, :1].sum()) + _value(sure), len(population))
    probs = population.believed(population.taken, population.is_labelled)
    expected = float((probs * amounts)[~known].sum())
    strata = [
        _automatic(population, amounts, probs, ~known & ~population.to_people),
        _by_people(population, paid, amounts, probs, taken),
    ]
    most = float(amounts[~known].max(axis=1).sum())
    return total([total_of(expected, strata, most=most), sure])


def _value(measure: Measure) -> float:
    return measure.estimate.value if measure.estimate else 0.0


def _automatic(population: Population, amounts: Amounts, probs: Probs, rows: Flags) -> Stratum:
    """Return what audits say of the samples in `rows`, which went to nobody."""
    means = (probs * amounts).sum(axis=1)
    drawn = rows & population.is_audited
    chances = _chances(population.chances[rows], int(drawn.sum()))
    off = (amounts - means[:, None])[rows]
    second, fourth = ((probs[rows] * off**power).sum(axis=1) for power in (2, 4))
    odds = (1 - chances) / chances
    at = np.zeros(len(population))
    at[rows] = chances
    return Stratum(
        residuals=amounts[drawn, population.truth[drawn]] - means[drawn],
        parts=_parts(population.weights[drawn], int(rows.sum())),
        left=1 - at[drawn],
        clusters=population.clusters[drawn],
        foreseen=float(odds @ second),
        spread=float((odds**2 / chances) @ fourth),
    )


def _by_people(
    population: Population, paid: Paid, amounts: Amounts, probs: Probs, taken: Columns | None
) -> Stratum:
    """Return what audits say of samples that went to people.

    Nobody knows what people would have answered to an audited one: its residual is the expected one, over
    the answers to its true label, and as far as nobody answers, that of what was decided.
    """
    rows, n_labels = population.to_people & ~population.is_audited, amounts.shape[1]
    drawn = population.to_people & population.is_audited & ~population.is_reported
    n_waiting = int((rows & ~population.is_labelled & ~population.is_reported).sum())
    waiting, residuals = n_waiting / max(1, int(rows.sum())), np.zeros_like(amounts)
    ways = [(column, (1 - waiting)) for column in range(n_labels)] + [(UNKNOWN, waiting)]
    for column, share in ways:
        answer = population.decided if column == UNKNOWN else np.full(len(population), column)
        is_answered = np.full(len(population), column != UNKNOWN)
        here = paid(answer) if taken is None else amounts
        mean = (population.believed(answer, is_answered) * here).sum(axis=1)
        rates = population.answer_rates(answer) if column != UNKNOWN else 1.0
        residuals += share * rates * population.unreported(answer) * (here - mean[:, None])
    n = int(drawn.sum())
    chances = _chances(population.chances[rows], max(1, n))
    second, fourth = ((population.probs[rows] * residuals[rows] ** power).sum(axis=1) for power in (2, 4))
    off = amounts - (probs * amounts).sum(axis=1)[:, None]
    left = rows & ~population.is_reported
    return Stratum(
        residuals=residuals[drawn, population.truth[drawn]],
        parts=_parts(population.weights[drawn], int(rows.sum())),
        left=np.ones(n),
        clusters=population.clusters[drawn],
        foreseen=float((second / chances).sum()),
        spread=float((fourth / chances**3).sum()),
        unexplained=float((probs * off**2)[left].sum()),
    )


def _parts(weights: Floats, size: int) -> Floats:
    """Return how many of `size` samples each audit with one of the `weights` (n,) stands for."""
    return weights * size / max(float(weights.sum()), 1e-300)


def _chances(relative: Floats, n: int) -> Floats:
    """Return inclusion probabilities in proportion to `relative`, which sum to n."""
    return np.asarray(np.clip(relative * n / max(float(relative.sum()), 1e-300), 1e-12, 1.0))


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
