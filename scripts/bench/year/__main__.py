"""Live through simulated years with goldloop's own code: do its numbers hold, does the cost policy pay?

A week is goldloop's own weekly routine over tables in memory. It takes longer the more was asked before: 5 s
of CPU in week 1, 34 s in week 16.

52 rounds of 600 real pictures. Labels come and go with the time of the year; in week 14 the season changes,
in week 24 a label appears that no model has seen, in week 34 one of two cameras is blurred and dark, and for
four weeks from week 42 one of four annotators answers carelessly. A logistic regression on the features of a
network, which never saw the new label, learns every week from the labels of the loop, and the gate decides.
Traffic, people and time are simulated.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.bench.common import Report, add_picture_options, options_of, repeated
from scripts.bench.year.plot import year_plot
from scripts.bench.year.stock import stock_of
from scripts.bench.year.world import CAUSES, N_WEEKS
from scripts.bench.year.years import Year, alarms, careless, coverage, fixed_costs, one_year

SHARE_OF_YEARS = {"cost": 1, "band": 2, "target": 5}
"""One in so many years is lived with a policy too: differences need fewer years than coverage does."""


def report_years(report: Report, policy: str, years: Sequence[Year]) -> None:
    """Report coverage, alarms, lanes and amounts of one policy's years."""
    what = f"year/{policy}"
    report.mean(f"{what}/rounds whose interval holds", [coverage(year) for year in years], "share")
    for name in CAUSES.values():
        report.share(f"{what}/{name} flagged in time", [alarms(year)[0][name] for year in years])
    n_false = np.array([alarms(year)[1] for year in years])
    report.mean(f"{what}/false drift alarms", n_false, "a year")
    report.share(f"{what}/years with at most two", n_false <= 2)
    report.share(f"{what}/careless annotator flagged in time", [careless(year)[0] for year in years])
    report.mean(f"{what}/annotators falsely flagged", [careless(year)[1] for year in years], "a year")
    for lane in ("auto", "review", "full"):
        shares = [
            float(np.mean([record.lanes.get(lane, 0) / sum(record.lanes.values()) for record in year.rounds]))
            for year in years
        ]
        report.mean(f"{what}/lane {lane}", shares, "share")
    for name in years[0].amounts:
        inside = [float(np.mean(year.amounts[name])) for year in years if year.amounts.get(name)]
        report.mean(f"{what}/{name} inside its interval", inside, "share")


def report_costs(report: Report, costs: dict[str, list[float]]) -> None:
    """Report what each way of working cost, and the cost policy's difference from it, year by year."""
    for name, values in costs.items():
        report.mean(f"cost of a year/{name}/cost", values, "EUR")
        less = np.array(costs["cost"][: len(values)]) - np.array(values)
        if name != "cost":
            report.mean(f"cost of a year/{name}/cost policy against it", less, "EUR")


def run(report: Report, options: argparse.Namespace) -> None:
    """Live through the years and report what came of them."""
    stock_of(options)  # trains the backbone once, before any process needs it
    seeds = range(options.seed, options.seed + options.n)
    costs: dict[str, list[float]] = {}
    first: dict[str, Year] = {}
    for policy in options.policies:
        lived = seeds[: max(min(2, len(seeds)), len(seeds) // SHARE_OF_YEARS[policy])]
        jobs = ([policy] * len(lived), lived, [options] * len(lived))
        years = repeated(one_year, *jobs, jobs=options.jobs)
        report_years(report, policy, years)
        costs[policy], first[policy] = [year.cost for year in years], years[0]
    lived = seeds[: max(min(2, len(seeds)), len(seeds) // 2)]
    fixed = repeated(fixed_costs, lived, [options] * len(lived), jobs=options.jobs)
    costs |= {name: [costs_of_year[name] for costs_of_year in fixed] for name in fixed[0]}
    report_costs(report, costs)
    if options.plot is not None and "band" in first:
        options.plot.write_bytes(year_plot(first["cost"].rounds, first["band"].rounds, seed=options.seed))


def main() -> None:
    """Read the options and run."""
    parser = options_of(__doc__, n=21, counted="years, each with another seed")
    add_picture_options(parser)
    parser.add_argument("--simulated", action="store_true", help="features drawn at random, no pictures")
    parser.add_argument("--weeks", type=int, default=N_WEEKS, help="length of a year, for a quick try")
    parser.add_argument("--new", type=float, default=0.10, help="share of the new label")
    parser.add_argument("--policies", nargs="+", default=list(SHARE_OF_YEARS), choices=SHARE_OF_YEARS)
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the first year as SVG")
    options = parser.parse_args()
    if "cost" not in options.policies:
        parser.error("--policies needs cost, which the others are compared with")
    report = Report(options)
    run(report, options)
    report.close()


if __name__ == "__main__":
    main()
