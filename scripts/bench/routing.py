#!/usr/bin/env python3
"""What tuned policies save against the default band, on real model outputs and, for CIFAR-10, real answers.

Each repeat draws audits at random. Half of them calibrate, the other half, as the holdout does in the loop,
fit the policies; all other samples are the traffic that is routed, and their true labels say what came of it.
The audits' labels are the true ones. People are real answers where there are some (cifar10), else simulated
as [cost] describes them. Prices are the defaults of [cost], but for what an error costs (--error).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from _common import parser, say, write
from _outputs import CACHE, DATA, Columns, Floats, Outputs, outputs
from _routing_outcomes import Outcome, outcome, spreads, table
from _routing_people import People, RealPeople, Said, SimulatedPeople

from goldloop.auditing.audited import Audited
from goldloop.calibration import fit_calibration
from goldloop.routing.fitting import error_costs, fit_policy
from goldloop.routing.lanes import Lane
from goldloop.routing.policies import Band
from goldloop.samples import SampleId
from goldloop.settings import PolicySettings, Settings

QUICK_REPEATS = 10
DEFAULT = "default band"
TARGETS = (0.95, 0.98)


def settings_for(found: Outputs, error: float, **policy: object) -> Settings:
    """Return the default settings with these labels, price of an error and policy."""
    return Settings.model_validate(
        {"name": "bench", "labels": tuple(found.labels), "cost": {"error": error}, "policy": policy}
    )


def audited(probs: Floats, truth: Columns, rows: Columns) -> Audited:
    """Return the samples `rows` as uniformly drawn audits."""
    n = len(rows)
    ids = tuple(SampleId(f"{row:06d}") for row in rows.tolist())
    return Audited(
        ids, truth[rows], probs[rows], np.ones(n), np.full(n, "", dtype="<U6"), np.full(n, -1, dtype=np.intp)
    )


def lanes_by_policy(
    probs: Floats, audits: Audited, found: Outputs, said: Said, error: float
) -> Mapping[str, npt.NDArray[np.str_]]:
    """Return the lanes (n,) of all samples under each policy, fitted on `audits`."""
    policy = PolicySettings()
    targets = {
        f"target {accuracy:.0%}": fit_policy(
            settings_for(found, error, kind="target", target=accuracy), audits
        ).policy
        for accuracy in TARGETS
    }
    cost = fit_policy(settings_for(found, error, kind="cost"), audits, said.known).policy
    n = len(probs)
    return {
        DEFAULT: Band(*policy.band, Lane(policy.below)).lanes(probs),
        "band, below it a quick look": Band(*policy.band, Lane.REVIEW).lanes(probs),
        **{name: target.lanes(probs) for name, target in targets.items()},
        "cost": cost.lanes(probs),
        "accept all": np.full(n, str(Lane.AUTO)),
        "a quick look at all": np.full(n, str(Lane.REVIEW)),
        "a deep review of all": np.full(n, str(Lane.DEEP)),
    }


def one_draw(
    found: Outputs, people: People, *, n_audits: int, error: float, rng: np.random.Generator
) -> dict[str, Outcome]:
    """Return what each policy comes to on all samples that one draw of audits left."""
    n, n_labels = found.logits.shape
    drawn = rng.permutation(n)[:n_audits]
    validation, holdout = drawn[: n_audits // 2], drawn[n_audits // 2 :]
    calibration = fit_calibration(found.logits[validation], found.truth[validation]).calibration
    probs = calibration.apply(found.logits)
    said = people.say(found.truth, drawn, n_labels, rng)
    lanes = lanes_by_policy(probs, audited(probs, found.truth, holdout), found, said, error)
    is_traffic = ~np.isin(np.arange(n), drawn)
    settings = settings_for(found, error)
    return {
        name: outcome(
            one[is_traffic],
            probs.argmax(axis=1)[is_traffic],
            found.truth[is_traffic],
            said.where(is_traffic),
            errors=np.asarray(error_costs(settings.cost, found.labels)),
            minute=settings.cost.minute,
        )
        for name, one in lanes.items()
    }


def main() -> None:
    """Run every set of outputs, number of audits and price asked for, and print a table for each."""
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--outputs", nargs="+", default=["cifar10", "clothing"], metavar="NAME")
    options.add_argument("--audits", type=int, nargs="+", default=[500, 1000], metavar="N")
    options.add_argument("--error", type=float, nargs="+", default=[2.0, 10.0], metavar="PRICE")
    options.add_argument(
        "--repeats", type=int, default=200, metavar="N", help="draws of audits (default 200)"
    )
    options.add_argument(
        "--data", type=Path, default=DATA, metavar="FOLDER", help="holds cifar10/, clothing/"
    )
    options.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="keeps the outputs")
    chosen = options.parse_args()
    started = time.perf_counter()
    repeats = QUICK_REPEATS if chosen.quick else chosen.repeats
    rows: dict[str, object] = {}
    for name in chosen.outputs:
        found = outputs(name, chosen.data, chosen.cache)
        say(f"{name}: {len(found.truth)} samples, accuracy {found.accuracy:.4f}")
        for n_audits, error in ((n, error) for n in chosen.audits for error in chosen.error):
            cost = settings_for(found, error).cost
            people = SimulatedPeople(cost) if found.answers is None else RealPeople(found.answers, cost)
            runs: dict[str, list[Outcome]] = {}
            for repeat in range(repeats):
                rng = np.random.default_rng((chosen.seed, repeat, n_audits))
                for policy, one in one_draw(found, people, n_audits=n_audits, error=error, rng=rng).items():
                    runs.setdefault(policy, []).append(one)
            measured = spreads(runs, DEFAULT)
            title = f"{name}: {n_audits} audits, an error costs {error:g} {cost.currency}, {repeats} draws"
            print(
                f"\n## {title}, seed {chosen.seed}\n\n{table(measured, cost.currency, DEFAULT)}", flush=True
            )
            rows[title] = {
                policy: {key: asdict(one) for key, one in measures.items()}
                for policy, measures in measured.items()
            }
    write(chosen, "routing", {"tables": rows}, started=started)


if __name__ == "__main__":
    main()
