"""Decisions by cost: EUR per 1,000 payments of five rules, over draws of the audits that calibrate the model.

A missed fraud costs its amount, a genuine payment that is declined 5 EUR, a minute of an analyst 0.50 EUR.
Simulated payments: the model learns the truth of days 0 to 70, audits of days 70 to 90 calibrate it, and the
payments of days 90 to 120 judge. Analysts' answers are replayed where there are some, else expected by the
rates of answers before day 90; beside them stand analysts who are right on 85 % in half a minute and on 95 %
in five. Real payments (ulb) have the second analysts alone, and each draw splits the payments anew (half to
learn from, a fifth as audits), with the weights of the whole set.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited
from goldloop.core.error_costs import ErrorCosts, Matrix
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.routing.certificate import certify
from goldloop.routing.cost_policy import Cost, Review, StakedReview
from goldloop.routing.outcomes import under
from goldloop.routing.policies import Band, Policy, Supported
from goldloop.stats.calibration import fit_calibration
from models.record.boosting import Trees
from scripts.bench.common import Report, repeated
from scripts.bench.payments import FULL, QUICK, Answer, Flags, Floats, Payments, simulated, ulb

LABELS = LabelSet.of(["genuine", "fraud"])
LEARNT, AUDITABLE = 70.0, 90.0  # days up to which payments teach and are audited
N_AUDITS = 1000
MINUTE_EUR, DECLINED_EUR = 0.50, 5.0
MAX_ERROR, DELTA = 0.05, 0.05
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Analysts:
    """How analysts answer by path: minutes of a look, and how often each true label gets which answer.

    Whether those that they gave `are_replayed`, or all are as these rates say.
    """

    quick: Review
    full: Review
    are_replayed: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """Payments that judge rules: probs (n, 2) and rows of `payments`.

    Where analysts gave several answers along a path, each counts alike; where they gave none, `analysts`
    tells what to expect.
    """

    payments: Payments
    rows: Rows
    probs: Probs
    analysts: Analysts

    @property
    def amounts(self) -> Floats:
        """Amounts in EUR, (n,)."""
        return self.payments.amount[self.rows]

    def euros(self, lanes: npt.NDArray[np.str_], decided: Rows) -> tuple[float, float, float]:
        """Return EUR and minutes per 1,000 payments, and the share of payments that analysts look at."""
        truth, stakes, weights = (
            self.payments.truth[self.rows],
            self.amounts,
            self.payments.weights[self.rows],
        )
        paid, minutes = OWN.paid(truth, decided, stakes), np.zeros(len(decided))
        ways = ((Lane.REVIEW, QUICK, self.analysts.quick), (Lane.FULL, FULL, self.analysts.full))
        for lane, path, review in ways:
            for place in np.flatnonzero(lanes == str(lane)).tolist():
                costs = OWN.of_truth(truth[[place]], stakes[[place]])[0]
                answers = self.payments.answers.get(path, {}) if self.analysts.are_replayed else {}
                given = answers.get(int(self.rows[place]))
                if given is None:
                    paid[place] = costs @ np.asarray(review.answers)[truth[place]]
                    minutes[place] = review.minutes
                else:
                    paid[place] = np.mean([costs[int(one.is_fraud)] for one in given])
                    minutes[place] = np.mean([one.seconds / 60 for one in given])
        total = np.average(paid + MINUTE_EUR * minutes, weights=weights)
        looked = np.average(lanes != str(Lane.AUTO), weights=weights)
        return 1000 * float(total), 1000 * float(np.average(minutes, weights=weights)), float(looked)


def _right(share: float, minutes: float) -> Review:
    return Review(minutes * MINUTE_EUR, ((share, 1 - share), (1 - share, share)), minutes)


ASSUMED = Analysts(_right(0.85, 0.5), _right(0.95, 5.0))
OWN = ErrorCosts(((0.0, DECLINED_EUR), (0.0, 0.0)), ((0.0, 0.0), (1.0, 0.0)))


def run(report: Report, options: argparse.Namespace) -> None:
    """Report EUR, minutes and the share to analysts of each rule, and savings against one amount."""
    seeds = range(options.seed, options.seed + options.n)
    ways = {"simulated, answers replayed": (drawn_simulated, True), "simulated": (drawn_simulated, False)}
    for name, (draw, are_replayed) in (ways | {"ulb": (drawn_ulb, False)}).items():
        measure = partial(measured, draw, Path(options.data), are_replayed)
        found = repeated(measure, seeds, jobs=options.jobs)
        for rule in found[0]:
            figures = np.array([one[rule] for one in found])
            report.spread(f"decisions/{name}/{rule}/EUR per 1,000", figures[:, 0], "EUR")
            report.mean(f"decisions/{name}/{rule}/minutes per 1,000", figures[:, 1], "min")
            report.mean(f"decisions/{name}/{rule}/to analysts", figures[:, 2], "share")
        for rule, other in (("own amounts", "one amount"), ("half the minutes", "own amounts")):
            ratio = [one[rule][0] / one[other][0] for one in found]
            report.spread(f"decisions/{name}/{rule} over {other}", ratio, "ratio")


@dataclass(frozen=True, slots=True)
class Draw:
    """Rows of payments: `learnt` by a model, `audits` that calibrate it, `test` that judges; with logits."""

    payments: Payments
    learnt: Rows
    audits: Rows
    audit_logits: Floats
    test: Rows
    test_logits: Floats


def measured(
    draw: Callable[[Path, int], Draw], folder: Path, are_replayed: bool, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Return the figures of each rule with one draw of the audits."""
    return of_rules(draw(folder, seed), _analysts(folder) if are_replayed else ASSUMED)


def drawn_simulated(folder: Path, seed: int) -> Draw:
    """Return simulated payments by their days, with a draw of audits."""
    payments, day = simulated(folder), simulated(folder).day
    learnt, test = np.flatnonzero(day < LEARNT), np.flatnonzero(day >= AUDITABLE)
    auditable = np.flatnonzero((day >= LEARNT) & (day < AUDITABLE))
    of_auditable, of_test = logits_of_simulated(folder)
    drawn = np.random.default_rng(seed).choice(len(auditable), N_AUDITS, replace=False)
    return Draw(payments, learnt, auditable[drawn], of_auditable[drawn], test, of_test)


@cache
def logits_of_simulated(folder: Path) -> tuple[Floats, Floats]:
    """Return the logits of auditable payments and of those that judge, by a model of days 0 to LEARNT."""
    payments, day = simulated(folder), simulated(folder).day
    learnt = np.flatnonzero(day < LEARNT)
    model = Trees.fitted(payments.records[learnt], payments.truth[learnt], 2, seed=0)
    is_auditable = (day >= LEARNT) & (day < AUDITABLE)
    return model.logits(payments.records[is_auditable]), model.logits(payments.records[day >= AUDITABLE])


def drawn_ulb(folder: Path, seed: int) -> Draw:
    """Return real payments in a split of their own, with a model of the first half."""
    payments = ulb(folder)
    order = np.random.default_rng(seed).permutation(len(payments.day))
    half, most = len(order) // 2, round(0.7 * len(order))
    learnt, audits, test = order[:half], order[half:most], order[most:]
    model = Trees.fitted(payments.records[learnt], payments.truth[learnt], 2, seed=seed)
    logits = [model.logits(payments.records[rows]) for rows in (audits, test)]
    return Draw(payments, learnt, audits, logits[0], test, logits[1])


@cache
def _analysts(folder: Path) -> Analysts:
    """Return how analysts answered the simulated payments of days before AUDITABLE."""
    payments, ways = simulated(folder), {}
    for path in (QUICK, FULL):
        looks = [
            (float(payments.amount[row]), bool(payments.is_fraud[row]), one)
            for row, answers in payments.answers[path].items()
            if payments.day[row] < AUDITABLE
            for one in answers
        ]
        thirds = np.quantile([amount for amount, *_ in looks], [1 / 3, 2 / 3]).tolist()
        parts = [
            StakedReview(low, _review([one for one in looks if low <= one[0] < high]))
            for low, high in pairwise([0.0, *thirds, np.inf])
        ]
        ways[path] = replace(_review(looks), by_stake=tuple(parts))
    return Analysts(ways[QUICK], ways[FULL], are_replayed=True)


def _review(looks: Sequence[tuple[float, bool, Answer]]) -> Review:
    """Return time and answers of looks at payments of known amounts and truth."""
    counts = np.ones((2, 2))
    for _, is_fraud, one in looks:
        counts[int(is_fraud), int(one.is_fraud)] += 1
    shares: Matrix = tuple(map(tuple, (counts / counts.sum(axis=1, keepdims=True)).tolist()))
    minutes = float(np.mean([one.seconds for *_, one in looks])) / 60
    return Review(minutes * MINUTE_EUR, shares, minutes)


def of_rules(draw: Draw, analysts: Analysts) -> dict[str, tuple[float, float, float]]:
    """Return EUR and minutes per 1,000 payments, and the share to analysts, of each rule."""
    payments, audits, test = draw.payments, draw.audits, draw.test
    truth, known = payments.truth, payments.truth[draw.learnt]
    weights = payments.weights[audits]
    calibration = fit_calibration(draw.audit_logits, truth[audits], weights=weights, learnt=known)
    probs = calibration.apply(draw.test_logits)
    judged = Judged(payments, test, probs, analysts)
    is_known = payments.is_fraud & ~np.isin(np.arange(len(truth)), test)
    usual = float(payments.amount[is_known].mean())
    quick, full = (replace(review, by_stake=()) for review in (analysts.quick, analysts.full))
    ours = Cost(OWN.base, quick, full, LABELS.names, OWN.factors)
    one = Cost(((0.0, DECLINED_EUR), (usual, 0.0)), quick, full, LABELS.names)
    routed = under(ours, audited(payments, audits, calibration.apply(draw.audit_logits)))
    accepted = routed.where(routed.lanes == str(Lane.AUTO))
    certified = certify(
        accepted.decided_confidence, accepted.is_decided_right, accuracy=1 - MAX_ERROR, delta=DELTA
    )
    rules: Mapping[str, Policy] = {
        "p >= .5": Band(0.0, 0.5 - 1e-9),
        "confidence < .85 to analysts": Band(0.0, 0.85),
        "one amount": one,
        "own amounts": ours,
        "own amounts, analysts by amount": replace(ours, quick=analysts.quick, full=analysts.full),
        "own amounts, supported by audits": Supported(ours, certified.threshold),
    }
    stakes, likeliest = judged.amounts, probs.argmax(axis=1)
    nobody = np.full(len(test), str(Lane.AUTO))
    found = {"approve all": judged.euros(nobody, np.zeros(len(test), dtype=np.intp))}
    for name, policy in rules.items():
        lanes = nobody if name == "p >= .5" else policy.lanes(probs, stakes)
        decided = likeliest if isinstance(policy, Band) else policy.decided(probs, stakes)
        found[name] = judged.euros(lanes, decided)
    return found | _with_half_the_minutes(judged, ours)


def _with_half_the_minutes(judged: Judged, policy: Cost) -> dict[str, tuple[float, float, float]]:
    """Return the figures when analysts have half the minutes: by saving, and by how unsure the model is."""
    probs, stakes, weights = judged.probs, judged.amounts, judged.payments.weights[judged.rows]
    lanes, decided = policy.lanes(probs, stakes), policy.decided(probs, stakes)
    minutes = np.select(
        [lanes == str(Lane.REVIEW), lanes == str(Lane.FULL)], [policy.quick.minutes, policy.full.minutes], 0.0
    )
    orders = {
        "half the minutes": policy.savings(probs, stakes),
        "half the minutes, by margin": -np.abs(probs[:, 0] - probs[:, 1]),
    }
    found = {}
    for name, worth in orders.items():
        order = np.argsort(np.where(minutes > 0, -worth, np.inf), kind="stable")
        spent = np.cumsum((weights * minutes)[order])
        is_out: Flags = np.zeros(len(order), dtype=bool)
        is_out[order[spent > spent[-1] / 2]] = True
        found[name] = judged.euros(np.where(is_out, str(Lane.AUTO), lanes), decided)
    return found


def audited(payments: Payments, rows: Rows, probs: Probs) -> Audited:
    """Return payments with the probs (n, 2) of a model as audits."""
    n = len(rows)
    return Audited(
        sample_ids=tuple(SampleId(f"{row:06d}") for row in rows.tolist()),
        truth=payments.truth[rows],
        probs=probs,
        weights=payments.weights[rows],
        lanes=np.full(n, "", dtype="<U6"),
        rounds=np.full(n, -1, dtype=np.intp),
        stakes=payments.amount[rows],
    )
