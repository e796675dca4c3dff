#!/usr/bin/env python3
"""What tuned policies save against the default band, on real model outputs and, for CIFAR-10, real answers.

Each repeat draws audits at random. Half of them calibrate, the other half, as the holdout does in the loop,
fit the policies; all other samples are the traffic that is routed, and their true labels say what came of it.
The audits' labels are the true ones. People are real answers where there are some (cifar10), else simulated
as [cost] describes them. Prices are the defaults of [cost], but for what an error costs (--error).
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
from _common import parser, say, write
from _outputs import CACHE, DATA, Columns, Floats, Outputs, outputs
from _routing_outcomes import Outcome, Spread, outcome, spreads, table
from _routing_people import People, RealPeople, SimulatedPeople

from goldloop.audit.audited import Audited
from goldloop.core.lanes import Lane
from goldloop.core.samples import SampleId
from goldloop.routing.fit import KnownPeople, cost_policy, error_costs, fit_target
from goldloop.routing.policies import Band, Policy
from goldloop.routing.tuning import tune
from goldloop.settings import Settings
from goldloop.stats.calibration import fit_calibration

QUICK_REPEATS = 10
DEFAULT = "default band"
TUNED = "what tuning recommends"
TARGETS = (0.95, 0.98)
FIXED = {"accept all": Lane.AUTO, "a quick review at all": Lane.REVIEW, "a full review of all": Lane.FULL}


def settings_for(found: Outputs, error: float) -> Settings:
    """Return the default settings with these labels and this price of an error."""
    return Settings.model_validate({"name": "bench", "labels": tuple(found.labels), "cost": {"error": error}})


def audited(probs: Floats, truth: Columns, rows: Columns) -> Audited:
    """Return the samples `rows` as uniformly drawn audits."""
    n = len(rows)
    ids = tuple(SampleId(f"{row:06d}") for row in rows.tolist())
    return Audited(
        ids, truth[rows], probs[rows], np.ones(n), np.full(n, "", dtype="<U6"), np.full(n, -1, dtype=np.intp)
    )


def fitted(audits: Audited, found: Outputs, known: KnownPeople, error: float) -> dict[str, Policy]:
    """Return the default policy and those fitted on `audits`, the one that tuning recommends among them."""
    settings = settings_for(found, error)
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


def one_draw(
    found: Outputs, people: People, *, n_audits: int, error: float, rng: np.random.Generator
) -> tuple[dict[str, Outcome], str]:
    """Return what each policy comes to on all samples that one draw of audits left, and what tuning chose."""
    n, n_labels = found.logits.shape
    drawn = rng.permutation(n)[:n_audits]
    validation, holdout = drawn[: n_audits // 2], drawn[n_audits // 2 :]
    calibration = fit_calibration(found.logits[validation], found.truth[validation]).calibration
    probs = calibration.apply(found.logits)
    said = people.say(found.truth, drawn, n_labels, rng)
    policies = fitted(audited(probs, found.truth, holdout), found, said.known, error)
    lanes = {name: policy.lanes(probs) for name, policy in policies.items()}
    lanes |= {name: np.full(n, str(lane)) for name, lane in FIXED.items()}
    is_traffic = ~np.isin(np.arange(n), drawn)
    cost = settings_for(found, error).cost
    outcomes = {
        name: outcome(
            one[is_traffic],
            probs.argmax(axis=1)[is_traffic],
            found.truth[is_traffic],
            said.where(is_traffic),
            errors=np.asarray(error_costs(cost, found.labels)),
            minute=cost.minute,
        )
        for name, one in lanes.items()
    }
    is_default = policies[TUNED] == policies[DEFAULT]
    return outcomes, "to stay" if is_default else policies[TUNED].version.split("[")[0]


def measured(
    name: str, found: Outputs, *, n_audits: int, error: float, repeats: int, seed: int
) -> dict[str, dict[str, Spread]]:
    """Print the table of one set of outputs, number of audits and price of an error, and return it."""
    cost = settings_for(found, error).cost
    people = SimulatedPeople(cost) if found.answers is None else RealPeople(found.answers, cost)
    runs: dict[str, list[Outcome]] = {}
    chosen: Counter[str] = Counter()
    for repeat in range(repeats):
        rng = np.random.default_rng((seed, repeat, n_audits))
        outcomes, kind = one_draw(found, people, n_audits=n_audits, error=error, rng=rng)
        chosen[kind] += 1
        for policy, one in outcomes.items():
            runs.setdefault(policy, []).append(one)
    of_policy = spreads(runs, DEFAULT)
    print(f"\n## {name}: {n_audits} audits, an error costs {error:g} {cost.currency}, {repeats} draws")
    print(f"\n{table(of_policy, cost.currency, DEFAULT)}\n")
    kinds = ", ".join(f"{kind} in {100 * times / repeats:.0f} %" for kind, times in chosen.most_common())
    print(f"Tuning recommended: {kinds} of the draws.", flush=True)
    return of_policy


def main() -> None:
    """Run every set of outputs, number of audits and price asked for, and print a table for each."""
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--outputs", nargs="+", default=["cifar10", "clothing"], metavar="NAME")
    options.add_argument("--audits", type=int, nargs="+", default=[500, 1000], metavar="N")
    options.add_argument("--error", type=float, nargs="+", default=[2.0, 10.0], metavar="PRICE")
    options.add_argument("--repeats", type=int, default=200, metavar="N", help="draws (default 200)")
    options.add_argument("--data", type=Path, default=DATA, metavar="FOLDER", help="cifar10/, clothing/")
    options.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="keeps the outputs")
    chosen = options.parse_args()
    started = time.perf_counter()
    repeats = QUICK_REPEATS if chosen.quick else chosen.repeats
    rows: list[dict[str, object]] = []
    for name in chosen.outputs:
        found = outputs(name, chosen.data, chosen.cache)
        say(f"{name}: {len(found.truth)} samples, accuracy {found.accuracy:.4f}")
        for n_audits, error in itertools.product(chosen.audits, chosen.error):
            of_policy = measured(
                name, found, n_audits=n_audits, error=error, repeats=repeats, seed=chosen.seed
            )
            what = {"outputs": name, "audits": n_audits, "error": error, "repeats": repeats}
            for policy, one in of_policy.items():
                spread = {key: asdict(value) for key, value in one.items()}
                rows.append(what | {"policy": policy} | spread)
    write(chosen, "routing", {"rows": rows}, started=started)


if __name__ == "__main__":
    main()
