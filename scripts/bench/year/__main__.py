#!/usr/bin/env python3
"""A simulated year through goldloop's own code: do its numbers hold, and does the cost policy pay?

52 rounds of 600 real pictures. Labels come and go with the time of the year; in week 14 the season changes,
in week 24 a label appears that no model has seen, in week 34 one of two cameras is blurred and dark, and for
four weeks from week 42 one of four annotators answers carelessly. A logistic regression on the features of a
network, which never saw the new label, learns every week from the labels of the loop, and the gate decides.
Routing, audit draw, drift check, estimates, calibration, gate, guard, people's measures and the fitting of
the policy are goldloop's; traffic, people and time are simulated, and tables are arrays.

coverage    share of rounds in which the reported 95 % interval holds the true accuracy on the round's traffic
flagged     share of years in which a planted change is flagged in its round or the next
false       alarms in other rounds, a year
cost        what people's time and wrong labels really cost in the year, all labels in
"""

from __future__ import annotations

import os

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # read when numpy is loaded; more threads only get in each other's way

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _common import Report, say
from _labels_data import answers_parser
from _year_accounts import held_amounts
from _year_loop import Round, YearLoop
from _year_pictures import Stock, load_stock
from _year_plot import year_plot
from _year_world import (
    CARELESS,
    CARELESS_ONE,
    CAUSES,
    N_WEEKS,
    People,
    World,
    reduced,
)
from scipy.stats import t as student

from goldloop.settings import (
    CostSettings,
    PolicySettings,
    SelectionSettings,
    Settings,
)

SHARE_OF_YEARS = {"cost": 1, "band": 2, "target": 5}
"""One in so many years is lived with a policy too: differences need fewer than coverage does."""
MAX_ERROR = 0.15  # the guard's; at the prices of [cost] so many errors among accepted still pay


@dataclass(frozen=True, slots=True)
class Year:
    """One policy's year with one seed: its rounds, and what the reports said beside what was true."""

    policy: str
    seed: int
    rounds: tuple[Round, ...]
    amounts: dict[str, list[bool]]

    @property
    def cost(self) -> float:
        return sum(one.spent + one.lost for one in self.rounds)


def settings_of(policy: str, labels: Sequence[str], seed: int, design: str) -> Settings:
    """Return the defaults, but for the policy and its guard; the band sends what lies below it to people."""
    return Settings(
        name="year",
        labels=tuple(labels),
        policy=PolicySettings(kind=policy, below="review", target=0.95, max_error=MAX_ERROR),
        selection=SelectionSettings(seed=seed, audit_design=design),
        cost=CostSettings(),
    )


_STOCK: list[Stock] = []


def one_year(policy: str, seed: int, design: str, share_new: float = 0.10) -> Year:
    """Return the year of one policy; needs the stock that `_share` keeps in this process."""
    stock = _STOCK[0]
    settings = settings_of(policy, stock.labels.names, seed, design)
    world = World(stock, seed, share_new)
    loop = YearLoop(world, People(stock, seed), settings, seed)
    rounds = tuple(loop.year())
    return Year(policy, seed, rounds, held_amounts(loop, rounds) if policy == "cost" else {})


def fixed_costs(seed: int, design: str) -> dict[str, float]:
    """Return what a year costs where everything is labelled once, and where the first model does it all."""
    stock = _STOCK[0]
    settings = settings_of("band", stock.labels.names, seed, design)
    loop = YearLoop(World(stock, seed), crew := People(stock, seed), settings, seed)
    loop.start()
    labelling = accepting = 0.0
    for number in range(1, N_WEEKS + 1):
        week = loop.world.week(number)
        said = [crew.says(crew.somebody(), int(row), number) for row in week.rows]
        seconds = sum(crew.takes_s("blind") for _ in said)
        labelling += seconds / 60 * settings.cost.minute
        labelling += float((np.array(said) != week.truth).sum()) * settings.cost.error
        assert loop.model is not None
        wrong = loop.model.probs(week.features).argmax(axis=1) != week.truth
        accepting += float(wrong.sum()) * settings.cost.error
    return {"label everything": labelling, "accept everything": accepting}


def _share(data: Path, cache: Path) -> None:
    _STOCK[:] = [reduced(load_stock(data, cache))]


# --- what is measured


def coverage(year: Year) -> list[bool]:
    """Return for each round with an estimate whether its interval holds the truth."""
    return [
        one.estimate.low <= one.truth <= one.estimate.high for one in year.rounds if one.estimate is not None
    ]


def alarms(year: Year) -> tuple[dict[str, bool], int]:
    """Return which planted changes were flagged in time, and the number of other alarms."""
    flagged = {one.number for one in year.rounds if one.check.drifts}
    expected = {number + late for number in CAUSES for late in (0, 1)}
    found = {name: bool(flagged & {number, number + 1}) for number, name in CAUSES.items()}
    return found, len(flagged - expected)


def careless(year: Year) -> tuple[bool, int]:
    """Return whether the careless annotator was flagged by the end of the second week, and false flags."""
    named = {(one.number, who) for one in year.rounds for who in one.flagged}
    is_found = bool(named & {(CARELESS, CARELESS_ONE), (CARELESS + 1, CARELESS_ONE)})
    return is_found, sum(who != CARELESS_ONE or number < CARELESS for number, who in named)


def add_mean(report: Report, name: str, values: Sequence[float], unit: str, note: str = "") -> None:
    """Note the mean over years with its 95 % interval."""
    found = np.array(values, dtype=np.float64)
    half = 0.0
    if len(found) > 1:
        half = float(student.ppf(0.975, len(found) - 1) * found.std(ddof=1) / len(found) ** 0.5)
    mean = float(found.mean())
    low, high = mean - half, mean + half
    if unit == "share":
        low, high = max(0.0, low), min(1.0, high)
    interval = f"mean [{low:,.3f}, {high:,.3f}] over {len(found)} years"
    report.add(name, mean, unit, note=f"{interval} {note}".strip())


def report_years(report: Report, policy: str, years: Sequence[Year]) -> None:
    """Note coverage, alarms and amounts of one policy's years."""
    held = [coverage(one) for one in years]
    add_mean(report, f"{policy}: coverage", [float(np.mean(one)) for one in held], "share")
    add_mean(
        report, f"{policy}: accuracy", [np.mean([r.truth for r in one.rounds]) for one in years], "share"
    )
    for name in CAUSES.values():
        add_mean(report, f"{policy}: {name} flagged", [alarms(one)[0][name] for one in years], "share")
    false = [alarms(one)[1] for one in years]
    most = f"most {max(false)}, at most two in {np.mean(np.array(false) <= 2):.0%} of years"
    add_mean(report, f"{policy}: false drift alarms", false, "a year", most)
    add_mean(report, f"{policy}: careless annotator flagged", [careless(one)[0] for one in years], "share")
    add_mean(report, f"{policy}: annotators falsely flagged", [careless(one)[1] for one in years], "a year")
    promoted = [sum(r.is_promoted for r in one.rounds) for one in years]
    add_mean(report, f"{policy}: models promoted", promoted, "a year")
    for lane in ("auto", "review", "full"):
        shares = [
            np.mean([r.lanes.get(lane, 0) / sum(r.lanes.values()) for r in one.rounds]) for one in years
        ]
        add_mean(report, f"{policy}: lane {lane}", shares, "share")
    for name in years[0].amounts:
        inside = [float(np.mean(one.amounts[name])) for one in years if one.amounts[name]]
        if inside:
            add_mean(report, f"{policy}: {name} inside its interval", inside, "share")


def report_costs(report: Report, costs: dict[str, list[float]]) -> None:
    """Note what each way of working cost, and how much less than others the cost policy, year by year."""
    for name, values in costs.items():
        add_mean(report, f"{name}: cost", values, "EUR/year")
    for name, values in costs.items():
        if name != "cost":
            less = np.array(costs["cost"][: len(values)]) - np.array(values)
            add_mean(report, f"cost policy against {name}", less.tolist(), "EUR/year")


def run(options: argparse.Namespace) -> None:
    """Live through the years and print what came of them."""
    report = Report("year", options)
    _share(options.data, options.cache)
    seeds = range(options.seed, options.seed + (2 if options.quick else options.years))
    costs: dict[str, list[float]] = {}
    first: dict[str, Year] = {}
    with ProcessPoolExecutor(
        options.jobs, initializer=_share, initargs=(options.data, options.cache)
    ) as pool:
        for policy in options.policies:
            lived = seeds[: max(2, len(seeds) // SHARE_OF_YEARS[policy])]
            jobs: list[Any] = [
                pool.submit(one_year, policy, seed, options.design, options.new) for seed in lived
            ]
            years = [one.result() for one in jobs]
            say(f"{policy}: {len(years)} years done")
            report_years(report, policy, years)
            costs[policy] = [one.cost for one in years]
            first[policy] = years[0]
        lived = seeds[: max(2, len(seeds) // SHARE_OF_YEARS["band"])]
        fixed = list(pool.map(fixed_costs, lived, [options.design] * len(lived)))
    for name in fixed[0]:
        costs[name] = [one[name] for one in fixed]
    report_costs(report, costs)
    report_main(report, first["cost"], first.get("band"), options.plot)
    report.finish()


def report_main(report: Report, main: Year, band: Year | None, plot: Path | None) -> None:
    """Note the main year by itself, and draw it."""
    report.add("main year, cost policy: coverage", float(np.mean(coverage(main))), "share", seed=main.seed)
    report.add("main year: false drift alarms", alarms(main)[1], "a year", seed=main.seed)
    flagged = [name for name, is_found in alarms(main)[0].items() if is_found]
    weeks = [one.number for one in main.rounds if one.check.drifts]
    say(f"main year: flagged {', '.join(flagged)}; drift alarms in weeks {weeks}")
    if plot is not None and band is not None:
        plot.write_bytes(year_plot(main.rounds, band.rounds, seed=main.seed))
        print(f"the plot is in {plot}")


def main() -> None:
    """Read the options and run."""
    options = answers_parser((__doc__ or "").split("\n\n", 1)[0])
    options.add_argument("--years", type=int, default=21, help="years, each with another seed (default 21)")
    options.add_argument("--design", choices=("uniform", "poisson"), default="uniform", help="of the audit")
    options.add_argument("--new", type=float, default=0.10, help="share of the new label (default 0.10)")
    options.add_argument(
        "--policies", nargs="+", default=list(SHARE_OF_YEARS), choices=SHARE_OF_YEARS, help="cost first"
    )
    options.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    options.add_argument("--plot", type=Path, metavar="FILE", help="draw the first year as SVG")
    run(options.parse_args())


if __name__ == "__main__":
    main()
