"""What reported outcomes are worth as labels to learn from: people's answers, mature outcomes, young ones.

The payments are simulated ones (shared/data/payments_simulated): analysts' answers are replayed, chargebacks
come weeks later. Models learn from what is known on day 60, 75 or 90 by turns, and decide the payments of the
next 30 days, whose truth judges them. A repeat draws which payments analysts answered, the audit, and the
model's seed. Every model is calibrated on the same audit of right labels: slope and offset of its logits.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import average_precision_score

from goldloop.loop.presumed import MOST
from goldloop.stats.delays import Delays, estimate_delays
from models.record.boosting import Trees
from models.record.encoding import Encoding, Records
from scripts.bench.common import Report, repeated

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NOWS = (60.0, 75.0, 90.0)  # days; analysts and chargebacks of before are known
TEST_DAYS = 30.0
ANSWERED, AUDITED = 2000, 1000  # payments
DECLINED_EUR, MINUTE_EUR = 5.0, 0.6  # what a genuine customer's declined payment costs; a minute of review
REVIEWS = ((0.5, 0.675, 0.844), (5.0, 0.885, 0.934))
"""Minutes of a quick and of a full review, and how often it is right on frauds and on genuine payments."""
NOT_LEARNT = ("id", "at", "customer", "merchant", "chargeback_at", "label", "scenario", "is_disputed_honest")


@dataclass(frozen=True, slots=True)
class World:
    """Payments (n,): values by field, day, amount in EUR, truth, day of the chargeback (or inf), answer.

    `answer` is 1 for fraud, 0 for genuine, -1 where analysts answered nothing: of two quick looks that agree,
    else of the full one.
    """

    records: Records
    day: Floats
    amount: Floats
    is_fraud: Flags
    reported: Floats
    answer: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows to learn from, their columns (1: fraud) and weights, all (n,)."""

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    weights: Floats


@dataclass(frozen=True, slots=True)
class Known:
    """What is known on day `now`: rows (bool, n) that are past, answered, audited; delays of chargebacks."""

    world: World
    now: float
    past: Flags
    answered: Flags
    delays: Delays

    @property
    def is_reported(self) -> Flags:
        """Whether there is a chargeback by now, (n,)."""
        return self.past & (self.world.reported <= self.now)

    @property
    def age(self) -> Floats:
        """Days since the payment, (n,)."""
        return self.now - self.world.day

    def genuine_weights(self) -> Floats:
        """Return what a payment without a chargeback weighs, (n,)."""
        share = np.mean(self.is_reported[self.past]) / self.delays.reported_share(self.age[self.past])
        return self.delays.genuine_weights(np.maximum(self.age, 0), share)


def people(known: Known) -> Sample:
    """Answers of people and nothing else."""
    rows = np.flatnonzero(known.answered)
    return Sample(rows, known.world.answer[rows], np.ones(len(rows)))


def mature(known: Known) -> Sample:
    """Outcomes of payments that are old enough, and no answer."""
    rows = np.flatnonzero(known.past & (known.age >= known.delays.mature_age))
    return Sample(rows, known.is_reported[rows].astype(np.int64), np.ones(len(rows)))


def unweighted(known: Known) -> Sample:
    """All outcomes, and no answer: what has no chargeback yet counts as genuine."""
    rows = np.flatnonzero(known.past)
    return Sample(rows, known.is_reported[rows].astype(np.int64), np.ones(len(rows)))


def weighted(known: Known) -> Sample:
    """All outcomes, and no answer: what has no chargeback yet weighs what its age says."""
    rows = np.flatnonzero(known.past)
    weights = np.where(known.is_reported[rows], 1.0, known.genuine_weights()[rows])
    return Sample(rows, known.is_reported[rows].astype(np.int64), weights)


def gold(known: Known) -> Sample:
    """Answers of people, and the chargebacks so far, which beat them: what goldloop's gold holds."""
    rows = np.flatnonzero(known.answered | known.is_reported)
    columns = np.where(known.is_reported[rows], 1, known.world.answer[rows])
    return Sample(rows, columns, np.ones(len(rows)))


def everything(known: Known, *, is_weighted: bool = True) -> Sample:
    """Gold, and all others as genuine, weighted by their age or not."""
    rows, first = np.flatnonzero(known.past), gold(known)
    columns, weights = np.zeros(len(known.past), dtype=np.int64), known.genuine_weights()
    weights = weights if is_weighted else np.ones(len(weights))
    columns[first.rows], weights[first.rows] = first.columns, 1.0
    return Sample(rows, columns[rows], weights[rows])


def drawn(known: Known) -> Sample:
    """Gold, and of all others as many as their weights say, at most MOST: what goldloop trains on."""
    sample, first = everything(known), set(gold(known).rows.tolist())
    is_gold = np.array([row in first for row in sample.rows.tolist()])
    ratios = np.random.default_rng(0).random(len(sample.rows)) / np.maximum(sample.weights, 1e-9)
    least = np.argsort(np.where(is_gold, 2.0, ratios), kind="stable")[:MOST]
    rows = np.sort(np.concatenate([np.flatnonzero(is_gold), least[ratios[least] < 1]]))
    return Sample(sample.rows[rows], sample.columns[rows], np.ones(len(rows)))


STRATEGIES: Mapping[str, Callable[[Known], Sample]] = {
    "people's answers": people,
    "mature outcomes": mature,
    "outcomes, young ones as genuine": unweighted,
    "outcomes, young ones weighted": weighted,
    "gold: people and chargebacks": gold,
    "gold, others as genuine": partial(everything, is_weighted=False),
    "gold, others weighted": everything,
    "gold, others drawn by weight": drawn,
}


def run(report: Report, options: argparse.Namespace) -> None:
    """Report PR-AUC and EUR per 1,000 payments of each strategy, and the difference to people's answers."""
    folder = Path(options.data) / "payments_simulated"
    seeds = range(options.seed, options.seed + options.n)
    found = repeated(partial(measured, folder), seeds, jobs=options.jobs)
    first = "people's answers"
    for name in STRATEGIES:
        figures = np.array([one[name] for one in found])
        report.mean(f"outcomes/{name}/PR-AUC", figures[:, 0], "")
        report.mean(f"outcomes/{name}/EUR per 1,000", figures[:, 1], "EUR")
        saved = np.array([one[first][1] for one in found]) - figures[:, 1]
        report.mean(f"outcomes/{name}/saved against people's answers", saved, "EUR")
    report.mean("outcomes/approve all/EUR per 1,000", [one["approve all"][1] for one in found], "EUR")


def measured(folder: Path, seed: int) -> dict[str, tuple[float, float]]:
    """Return PR-AUC and EUR per 1,000 of each strategy in one repeat."""
    world, rng = read_world(folder), np.random.default_rng(seed)
    now = NOWS[seed % len(NOWS)]
    past, test = world.day < now, (world.day >= now) & (world.day < now + TEST_DAYS)
    audit = rng.choice(np.flatnonzero(past), AUDITED, replace=False)
    past[audit] = False
    able = np.flatnonzero(past & (world.answer >= 0))
    answered = np.zeros(len(past), dtype=bool)
    answered[rng.choice(able, ANSWERED, replace=False)] = True
    is_reported = past & (world.reported <= now)
    delays = estimate_delays((world.reported - world.day)[is_reported], (now - world.day)[is_reported])
    if delays is None:
        raise SystemExit("too few chargebacks for a distribution of delays")
    known = Known(world, now, past, answered, delays)
    found = {"approve all": (0.0, euros(np.zeros(int(test.sum())), world, test))}
    for name, choose in STRATEGIES.items():
        model = _fitted(name, folder, world, choose(known), seed)
        slope, offset = _calibration(_logits(model, world, audit), world.is_fraud[audit])
        risk = expit(slope * _logits(model, world, np.flatnonzero(test)) + offset)
        accuracy = float(average_precision_score(world.is_fraud[test], risk))
        found[name] = (accuracy, euros(risk, world, test))
    return found


_SIZES: dict[str, Trees] = {}
"""Trees of the size that cross-validation chose for a strategy at its first repeat in this process."""


def _fitted(name: str, folder: Path, world: World, sample: Sample, seed: int) -> Trees:
    if name not in _SIZES:
        _SIZES[name] = Trees.fitted(world.records[sample.rows], sample.columns, 2, seed=seed)
    size = _SIZES[name]
    encoding = Encoding.fitted(world.records[sample.rows])
    start = Trees(encoding, (), 2, size.rounds, size.leaves)
    rows = encoding.rows(world.records[sample.rows])
    kept = sample.weights > 0
    return start.refitted(rows[kept], sample.columns[kept], sample.weights[kept], seed=seed)


def _logits(model: Trees, world: World, rows: npt.NDArray[np.int64]) -> Floats:
    logits = model.logits(world.records[rows])
    return np.asarray(logits[:, 1] - logits[:, 0])


def _calibration(logits: Floats, is_fraud: Flags) -> tuple[float, float]:
    """Return slope and offset with the least log loss on the audit, the slope held near 1 by a prior."""

    def loss(values: Floats) -> float:
        raised = np.exp(values[0]) * logits + values[1]
        return float(np.sum(np.logaddexp(0, raised) - is_fraud * raised) + 2 * values[0] ** 2)

    slope, offset = minimize(loss, np.zeros(2)).x
    return float(np.exp(slope)), float(offset)


def euros(risk: Floats, world: World, test: Flags) -> float:
    """Return the cost per 1,000 payments of `test` when each takes its cheapest action by `risk` (n_test,).

    A fraud that is let through costs its amount. Reviews cost their minutes, and err as often as analysts do.
    """
    amount, is_fraud = world.amount[test], world.is_fraud[test]
    expected = [risk * amount, (1 - risk) * DECLINED_EUR]
    actual = [is_fraud * amount, ~is_fraud * DECLINED_EUR]
    for minutes, on_fraud, on_genuine in REVIEWS:
        missed, stopped = (1 - on_fraud) * amount, (1 - on_genuine) * DECLINED_EUR
        expected.append(minutes * MINUTE_EUR + risk * missed + (1 - risk) * stopped)
        actual.append(minutes * MINUTE_EUR + np.where(is_fraud, missed, stopped))
    action = np.argmin(expected, axis=0)
    return float(1000 * np.mean(np.choose(action, actual)))


@cache
def read_world(folder: Path) -> World:
    """Return the payments in `folder`."""
    table = pq.read_table(folder / "payments.parquet")
    begin = table["at"].to_numpy().min()

    def days(name: str) -> Floats:
        passed = (table[name].to_numpy() - begin) / np.timedelta64(1, "D")
        return np.where(np.isnan(passed), np.inf, passed)

    fields = [name for name in table.column_names if name not in NOT_LEARNT]
    rows = [
        {name: value for name, value in row.items() if value is not None}
        for row in table.select(fields).to_pylist()
    ]
    records: Records = np.empty(len(rows), dtype=object)
    records[:] = rows
    honest = table["is_disputed_honest"].to_numpy() == 1
    return World(
        records,
        days("at"),
        table["amount"].to_numpy(),
        np.array(table["label"].to_pylist()) == "fraud",
        np.where(honest, np.inf, days("chargeback_at")),
        _answers(folder, table["id"].to_pylist()),
    )


def _answers(folder: Path, ids: list[str]) -> npt.NDArray[np.int64]:
    said: dict[str, dict[str, list[int]]] = {}
    with (folder / "analyst_answers.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            given = said.setdefault(row["id"], {"quick": [], "deep": []})
            given[row["path"]].append(int(row["decision"] == "fraud"))
    found = np.full(len(ids), -1)
    for place, one in enumerate(ids):
        if one in said:
            found[place] = (said[one]["deep"] or said[one]["quick"])[-1]
    return found
