"""What tuned policies save against the default band, on model outputs and, for CIFAR-10, real answers.

Each repeat draws audits at random. Half of them calibrate; the other half, as the holdout does in the loop,
fit the policies. All other samples are the traffic that is routed. The audits' labels are the true ones.
People are real answers where there are some, else simulated as [cost] describes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited
from goldloop.core.lanes import Lane
from goldloop.core.samples import SampleId
from goldloop.routing.fit import Answered, KnownPeople, cost_policy, error_costs, fit_target
from goldloop.routing.policies import Band, Policy
from goldloop.routing.tuning import tune
from goldloop.settings import Settings
from goldloop.settings.costs import CostSettings
from goldloop.stats.calibration import fit_calibration
from scripts.bench.common import Report
from scripts.bench.outputs import Outputs
from scripts.bench.pictures import Columns, Floats

AUDITS = (500, 1000)
PRICES = (2.0, 10.0)  # of an error, in the currency of [cost]
MOST_DRAWS = 200
DEFAULT, TUNED = "default band", "what tuning recommends"
TARGETS = (0.95, 0.98)
FIXED = {"accept all": Lane.AUTO, "a quick review of all": Lane.REVIEW, "a full review of all": Lane.FULL}
ADJUDICATOR = 0.995  # how often the simulated adjudicator of real people's disputes is right
N_BLIND = 2


@dataclass(frozen=True, slots=True)
class Said:
    """What people answer for each sample: columns and seconds of work, all (n,).

    `known` is what goldloop has learnt of these people from the audits.
    """

    quick: Columns
    full: Columns
    quick_s: Floats
    full_s: Floats
    known: KnownPeople


def run(report: Report, name: str, made: Outputs, *, n: int) -> None:
    """Report the outcome of each policy by number of audits and price of an error."""
    for n_audits in (size for size in AUDITS if size <= len(made.truth) // 2):
        for price in PRICES:
            what = f"{name}/{n_audits} audits/an error costs {price:g}"
            _report(report, what, made, n_audits=n_audits, price=price, n=min(n, MOST_DRAWS))


def _report(report: Report, what: str, made: Outputs, *, n_audits: int, price: float, n: int) -> None:
    draws: list[dict[str, dict[str, float]]] = []
    chosen: Counter[str] = Counter()
    for draw in range(n):
        rng = np.random.default_rng((report.options.seed, draw, n_audits))
        outcomes, kind = one_draw(made, n_audits=n_audits, price=price, rng=rng)
        draws.append(outcomes)
        chosen[kind] += 1
    for policy in draws[0]:
        for measured in draws[0][policy]:
            value, _, unit = measured.partition("|")
            report.spread(f"{what}/{policy}/{value}", [draw[policy][measured] for draw in draws], unit)
        saved = [draw[DEFAULT]["all costs|EUR"] - draw[policy]["all costs|EUR"] for draw in draws]
        report.spread(f"{what}/{policy}/saved against the default band", saved, "EUR")
    for kind, times in chosen.items():
        report.add(f"{what}/tuning recommends {kind}/share of draws", times / n, "share", n=n)


def one_draw(
    made: Outputs, *, n_audits: int, price: float, rng: np.random.Generator
) -> tuple[dict[str, dict[str, float]], str]:
    """Return by policy what it comes to on the samples that are no audits, and what tuning chose."""
    n = len(made.truth)
    settings = Settings.model_validate(
        {"name": "bench", "labels": tuple(made.labels), "cost": {"error": price}}
    )
    drawn = rng.permutation(n)[:n_audits]
    validation, holdout = drawn[: n_audits // 2], drawn[n_audits // 2 :]
    calibration = fit_calibration(made.logits[validation], made.truth[validation])
    probs = calibration.apply(made.logits)
    cost = settings.cost
    said = _simulated(made, cost, rng) if made.answers is None else _real(made, cost, drawn, rng)
    policies = _fitted(_audited(probs, made.truth, holdout), settings, said.known)
    lanes = {name: policy.lanes(probs) for name, policy in policies.items()}
    lanes |= {name: np.full(n, str(lane)) for name, lane in FIXED.items()}
    is_traffic, errors = ~np.isin(np.arange(n), drawn), np.asarray(error_costs(cost, made.labels).base)
    came_to = partial(_outcome, errors=errors, minute=cost.minute, is_traffic=is_traffic)
    outcomes = {name: came_to(of_policy, probs, made.truth, said) for name, of_policy in lanes.items()}
    is_default = policies[TUNED] == policies[DEFAULT]
    return outcomes, "to stay" if is_default else policies[TUNED].version.split("[")[0]


def _audited(probs: Floats, truth: Columns, rows: Columns) -> Audited:
    n = len(rows)
    ids = tuple(SampleId(f"{row:06d}") for row in rows.tolist())
    nowhere, never = np.full(n, "", dtype="<U6"), np.full(n, -1, dtype=np.intp)
    by_chance = {"weights": np.ones(n), "lanes": nowhere, "rounds": never}
    return Audited(sample_ids=ids, truth=truth[rows], probs=probs[rows], **by_chance)


def _fitted(audits: Audited, settings: Settings, known: KnownPeople) -> dict[str, Policy]:
    """Return the default policy and those fitted on `audits`, the one that tuning recommends among them."""
    default = Band(*settings.policy.band, Lane(settings.policy.below))
    targets = {
        f"target {accuracy:.0%}": fit_target(accuracy, settings.policy.delta, audits, seed=0).policy
        for accuracy in TARGETS
    }
    return {
        DEFAULT: default,
        "band, below it a quick review": Band(default.low, default.high, Lane.REVIEW),
        **targets,
        "cost": cost_policy(settings, known)[0],
        TUNED: tune(audits, settings, present=default, people=known).recommended.policy,
    }


def _outcome(
    lanes: npt.NDArray[np.str_],
    probs: Floats,
    truth: Columns,
    said: Said,
    *,
    errors: Floats,
    minute: float,
    is_traffic: npt.NDArray[np.bool_],
) -> dict[str, float]:
    """Return by `measure|unit` what `lanes` come to; labels, errors and costs are per 1,000 samples.

    A held sample gets a full review in the end. `errors` (n_labels, n_labels) are in currency, a row for each
    true label.
    """
    predicted = probs.argmax(axis=1)
    is_auto = lanes == str(Lane.AUTO)
    is_full = np.isin(lanes, [str(Lane.FULL), str(Lane.HOLD)])
    label = np.select([is_auto, is_full], [predicted, said.full], said.quick)[is_traffic]
    seconds = np.select([is_auto, is_full], [0.0, said.full_s], said.quick_s)[is_traffic]
    is_auto, truth, lanes = is_auto[is_traffic], truth[is_traffic], lanes[is_traffic]
    let_through = (label != truth) & is_auto
    people = 1000 * float(seconds.mean()) / 60 * minute
    wrong = 1000 * float(errors[truth, label].mean())
    return {
        **{f"lane {lane}|%": 100 * float((lanes == str(lane)).mean()) for lane in Lane},
        "errors let through|": 1000 * float(let_through.mean()),
        "of the accepted|%": 100 * int(let_through.sum()) / max(1, int(is_auto.sum())),
        "wrong labels in all|": 1000 * float((label != truth).mean()),
        "people|EUR": people,
        "all costs|EUR": people + wrong,
    }


def _real(made: Outputs, cost: CostSettings, audits: Columns, rng: np.random.Generator) -> Said:
    """Return one real answer as the quick review, and two others with an adjudicator as the full one."""
    n_labels, truth, answers = len(made.labels), made.truth, np.asarray(made.answers)
    order = np.argsort(rng.random(answers.shape), axis=1)
    quick, first, second = np.take_along_axis(answers, order, axis=1).T
    decision = _mostly_right(truth, ADJUDICATOR, n_labels, rng)
    is_dispute = first != second
    disputed = audits[is_dispute[audits]]
    blind = _answered([_counts(truth[audits], column[audits], n_labels) for column in (first, second)])
    deciding = _answered([_counts(truth[disputed], decision[disputed], n_labels)])
    return Said(
        quick=quick,
        full=np.where(is_dispute, decision, first),
        quick_s=np.full(len(truth), cost.quick_s),
        full_s=cost.full_s / N_BLIND * (N_BLIND + is_dispute),
        known=KnownPeople(quick=blind, blind=blind, adjudicating=deciding),
    )


def _simulated(made: Outputs, cost: CostSettings, rng: np.random.Generator) -> Said:
    """Return answers that are right as often as [cost] says; the cost policy is told no more than that."""
    n, n_labels = made.logits.shape
    return Said(
        quick=_mostly_right(made.truth, cost.quick_accuracy, n_labels, rng),
        full=_mostly_right(made.truth, cost.full_accuracy, n_labels, rng),
        quick_s=np.full(n, cost.quick_s),
        full_s=np.full(n, cost.full_s),
        known=KnownPeople(),
    )


def _mostly_right(truth: Columns, accuracy: float, n_labels: int, rng: np.random.Generator) -> Columns:
    """Return `truth` with a share of 1 - `accuracy` replaced by any other label."""
    other = (truth + rng.integers(1, n_labels, len(truth))) % n_labels
    return np.where(rng.random(len(truth)) < accuracy, truth, other)


def _counts(truth: Columns, label: Columns, n_labels: int) -> npt.NDArray[np.int64]:
    return np.bincount(truth * n_labels + label, minlength=n_labels**2).reshape(n_labels, n_labels)


def _answered(counts: Sequence[npt.NDArray[np.int64]]) -> Answered:
    return Answered(seconds=(), counts=tuple(tuple(map(float, row)) for row in np.sum(counts, axis=0)))
