"""The gate on losses: how often it promotes a model that never says fraud, an equal one, and a better one.

The champion is a model of simulated payments that learnt days 0 to 70, or one that is worse. Each repeat
draws a holdout of later payments and swaps the two, payment by payment, with a probability that gives the
challenger the true gain it is said to have: at one half they are equally good, with all the disagreement that
two models have. Decisions are by the cost of each payment's own amount.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from goldloop.core.probs import Probs
from goldloop.routing.cost_policy import Cost
from goldloop.routing.outcomes import consequences
from goldloop.settings.sections import GateSettings
from goldloop.stats.calibration import fit_calibration
from goldloop.stats.comparison import Comparison, Consequences, compare, compare_losses
from goldloop.stats.metrics import Estimate
from goldloop.training.gate import objections
from scripts.bench.common import Report
from scripts.bench.guarantees.decisions import (
    ASSUMED,
    AUDITABLE,
    LABELS,
    LEARNT,
    OWN,
    audited,
    logits_of_simulated,
)
from scripts.bench.payments import Columns, simulated

SIZES = (300, 1000, 3000)
GAINS = (-0.10, 0.0, 0.05, 0.10)
GATE = GateSettings(measure="loss")
CALIBRATED = Estimate(0.01, 0.0, 0.03, n=300)  # the calibration of the challenger is no part of this
NOISES = (0.5, 1.0, 1.5, 2.0)
"""Standard deviations on the logits of fraud: the least that makes the rival's loss a quarter larger."""


@dataclass(frozen=True, slots=True)
class Rivals:
    """What the decisions of a model and of a worse one come to on all payments, and the true columns."""

    better: Consequences
    worse: Consequences
    never: Consequences
    truth: Columns

    @property
    def losses(self) -> tuple[float, float]:
        """Mean loss of the better and of the worse one, EUR per 1,000 payments."""
        return float(self.better.losses.mean()), float(self.worse.losses.mean())


def run(report: Report, options: argparse.Namespace) -> None:
    """Report the share of holdouts on which each challenger is promoted."""
    rivals, seed = rivals_of(Path(options.data), options.seed), options.seed
    better, worse = rivals.losses
    report.add("losses/the better model/EUR per 1,000", better, "EUR", n=len(rivals.truth))
    report.add("losses/the worse model/EUR per 1,000", worse, "EUR", n=len(rivals.truth))
    for size in SIZES:
        for is_proven in (False, True):
            against = f"{size} payments/champion {'proven' if is_proven else 'not proven'}"
            hits = promoted(rivals, None, size=size, n=options.n, seed=seed, is_proven=is_proven)
            report.share(f"losses/{against}/never fraud/promoted", hits)
            for gain in GAINS:
                hits = promoted(rivals, gain, size=size, n=options.n, seed=seed, is_proven=is_proven)
                report.share(f"losses/{against}/gain of {100 * gain:+.0f} % of cost/promoted", hits)


def rivals_of(folder: Path, seed: int) -> Rivals:
    """Return the model of the first days, one that is worse by noise, and one that never says fraud."""
    payments, day = simulated(folder), simulated(folder).day
    of_auditable, of_test = logits_of_simulated(folder)
    auditable = np.flatnonzero((day >= LEARNT) & (day < AUDITABLE))
    rows = np.concatenate([auditable, np.flatnonzero(day >= AUDITABLE)])
    logits, truth = np.concatenate([of_auditable, of_test]), payments.truth[rows]
    policy = Cost(OWN.base, ASSUMED.quick, ASSUMED.full, LABELS.names, OWN.factors)

    def decided(probs: Probs) -> Consequences:
        return consequences(policy, audited(payments, rows, probs), policy)

    better = decided(fit_calibration(logits, truth).apply(logits))
    normal = np.random.default_rng((seed, 7)).normal(0, 1, len(rows))
    for noise in NOISES:
        moved = logits + np.stack([np.zeros(len(rows)), noise * normal], axis=1)
        worse = decided(fit_calibration(moved, truth).apply(moved))
        if worse.losses.mean() > 1.25 * better.losses.mean():
            break
    never = decided(softmax(np.tile([20.0, 0.0], (len(rows), 1)), axis=1))
    return Rivals(better, worse, never, truth)


def promoted(
    rivals: Rivals, gain: float | None, *, size: int, n: int, seed: int, is_proven: bool
) -> npt.NDArray[np.bool_]:
    """Return (n,) whether the challenger is promoted on each drawn holdout; gain None: never says fraud."""
    rng, found = np.random.default_rng((seed, size)), []
    better, worse = rivals.losses
    swap = 0.5 if gain is None else (1 - gain * (better + worse) / 2 / (worse - better)) / 2
    for _ in range(n):
        rows = rng.choice(len(rivals.truth), size, replace=False)
        is_swapped = rng.random(size) < swap
        ours, theirs = _at(rivals.better, rows), _at(rivals.worse, rows)
        if gain is None:
            challenger, champion = _at(rivals.never, rows), ours
        else:
            challenger, champion = _mixed(ours, theirs, is_swapped), _mixed(theirs, ours, is_swapped)
        found.append(not _objections(challenger, champion, rivals.truth[rows], is_proven=is_proven))
    return np.array(found)


def _at(of_all: Consequences, rows: npt.NDArray[np.intp]) -> Consequences:
    return Consequences(of_all.losses[rows], of_all.is_missed[rows])


def _mixed(one: Consequences, other: Consequences, is_other: npt.NDArray[np.bool_]) -> Consequences:
    return Consequences(
        np.where(is_other, other.losses, one.losses), np.where(is_other, other.is_missed, one.is_missed)
    )


def _objections(
    challenger: Consequences, champion: Consequences, truth: Columns, *, is_proven: bool
) -> tuple[str, ...]:
    loss = compare_losses(challenger, champion, truth, labels=LABELS)
    same = compare(~challenger.is_missed, ~champion.is_missed, truth, labels=LABELS)
    comparison = Comparison(same.accuracy, same.recalls, loss)
    return objections(GATE, comparison, ece=CALIBRATED, is_proven=is_proven, guarded=LABELS.names[1:])
