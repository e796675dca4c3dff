"""Live through simulated years with goldloop's own code: do its numbers hold, does the cost policy pay?

52 rounds of 600 real pictures. Labels come and go with the time of the year; in week 14 the season changes,
in week 24 a label appears that no model has seen, in week 34 one of two cameras is blurred and dark, and for
four weeks from week 42 one of four annotators answers carelessly. A logistic regression on the features of a
network, which never saw the new label, learns every week from the labels of the loop, and the gate decides.
Traffic, people and time are simulated.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldloop.core.tasks import Purpose
from goldloop.settings import CostSettings, PolicySettings, SelectionSettings, Settings
from scripts.bench.common import Report, add_picture_options, options_of, repeated, say
from scripts.bench.year.accounts import Round, held_amounts
from scripts.bench.year.loop import YearLoop
from scripts.bench.year.people import CARELESS_ONE, People
from scripts.bench.year.plot import year_plot
from scripts.bench.year.stock import Stock, load_stock, simulated_stock
from scripts.bench.year.world import CARELESS, CAUSES, N_WEEKS, World

SHARE_OF_YEARS = {"cost": 1, "band": 2, "target": 5}
"""One in so many years is lived with a policy too: differences need fewer years than coverage does."""

MAX_ERROR = 0.15  # the guard's; at the prices of [cost] so many errors among accepted still pay


@dataclass(frozen=True, slots=True)
class Year:
    """One policy's year with one seed: its rounds, and for each amount whether the report held the truth."""

    seed: int
    rounds: tuple[Round, ...]
    amounts: dict[str, list[bool]]

    @property
    def cost(self) -> float:
        """What people's time and wrong labels cost in the year."""
        return sum(record.spent + record.lost for record in self.rounds)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a year is lived: `design` of the audit, `share_new` of the new label's traffic, number of weeks."""

    design: str
    share_new: float
    weeks: int


_STOCK: list[Stock] = []  # of this process


def share_stock(options: argparse.Namespace) -> None:
    """Load the stock once for all years of this process."""
    _STOCK[:] = [simulated_stock(options.seed) if options.simulated else load_stock(options)]


def loop_of(policy: str, seed: int, plan: Plan) -> YearLoop:
    """Return a loop before its first round; the band sends what lies below it to people."""
    world = World(_STOCK[0], seed, plan.share_new)
    settings = Settings(
        name="year",
        labels=world.labels.names,
        policy=PolicySettings(kind=policy, below="review", target=0.95, max_error=MAX_ERROR),
        selection=SelectionSettings(seed=seed, audit_design=plan.design),
        cost=CostSettings(),
    )
    return YearLoop(world, People(world, seed), settings, seed)


def one_year(policy: str, seed: int, plan: Plan) -> Year:
    """Return the year of one policy."""
    loop = loop_of(policy, seed, plan)
    loop.start()
    rounds = tuple(loop.play(number) for number in range(1, plan.weeks + 1))
    amounts: dict[str, list[bool]] = {}
    if policy == "cost":
        amounts = held_amounts(loop.books(), rounds, loop.settings.cost, loop.world.labels)
    return Year(seed, rounds, amounts)


def fixed_costs(seed: int, plan: Plan) -> dict[str, float]:
    """Return what a year costs where everything is labelled once, and where the first model does it all."""
    loop = loop_of("band", seed, plan)
    loop.start()
    cost, crew, world = loop.settings.cost, People(loop.world, seed), loop.world
    labelling = accepting = 0.0
    for number in range(1, plan.weeks + 1):
        ids = [world.read(file).sample_id for file in world.files(f"week/{number}")]
        truth = world.truth(ids)
        labels = [world.labels.column(crew.label(crew.somebody(), sample_id, number)) for sample_id in ids]
        seconds = sum(crew.seconds(Purpose.AUDIT, is_shown=False) for _ in ids)
        labelling += seconds / 60 * cost.minute + float((np.array(labels) != truth).sum()) * cost.error
        assert loop.model is not None
        wrong = loop.model(world.features(ids)).probs.argmax(axis=1) != truth
        accepting += float(wrong.sum()) * cost.error
    return {"label everything": labelling, "accept everything": accepting}


# --- what is measured


def coverage(year: Year) -> float:
    """Return the share of rounds whose interval holds the true accuracy, of those with an estimate."""
    known = [(record.estimate, record.truth) for record in year.rounds if record.estimate is not None]
    return float(np.mean([estimate.low <= truth <= estimate.high for estimate, truth in known]))


def alarms(year: Year) -> tuple[dict[str, bool], int]:
    """Return which planted changes were flagged in their round or the next, and the number of other alarms."""
    flagged = {record.number for record in year.rounds if record.check.drifts}
    expected = {number + late for number in CAUSES for late in (0, 1)}
    in_time = {name: bool(flagged & {number, number + 1}) for number, name in CAUSES.items()}
    return in_time, len(flagged - expected)


def careless(year: Year) -> tuple[bool, int]:
    """Return whether the careless annotator was flagged by the end of the second week, and false flags."""
    named = {(record.number, who) for record in year.rounds for who in record.flagged}
    is_found = bool(named & {(CARELESS, CARELESS_ONE), (CARELESS + 1, CARELESS_ONE)})
    return is_found, sum(who != CARELESS_ONE or number < CARELESS for number, who in named)


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
    promoted = [sum(record.is_promoted for record in year.rounds) for year in years]
    report.mean(f"{what}/models promoted", promoted, "a year")
    for lane in ("auto", "review", "full"):
        shares = [
            np.mean([record.lanes.get(lane, 0) / sum(record.lanes.values()) for record in year.rounds])
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
    plan = Plan(options.design, options.new, options.weeks)
    seeds = range(options.seed, options.seed + options.n)
    costs: dict[str, list[float]] = {}
    first: dict[str, Year] = {}
    for policy in options.policies:
        lived = seeds[: max(min(2, len(seeds)), len(seeds) // SHARE_OF_YEARS[policy])]
        jobs = ([policy] * len(lived), lived, [plan] * len(lived))
        years = repeated(one_year, *jobs, jobs=options.jobs, start=(share_stock, options))
        say(f"{policy}: {len(years)} years done")
        report_years(report, policy, years)
        costs[policy], first[policy] = [year.cost for year in years], years[0]
    lived = seeds[: max(min(2, len(seeds)), len(seeds) // 2)]
    fixed = repeated(fixed_costs, lived, [plan] * len(lived), jobs=options.jobs, start=(share_stock, options))
    costs |= {name: [costs_of_year[name] for costs_of_year in fixed] for name in fixed[0]}
    report_costs(report, costs)
    if options.plot is not None and "band" in first:
        options.plot.write_bytes(year_plot(first["cost"].rounds, first["band"].rounds, seed=options.seed))
        say(f"the plot is in {options.plot}")


def main() -> None:
    """Read the options and run."""
    parser = options_of(__doc__, n=21, counted="years, each with another seed")
    add_picture_options(parser)
    parser.add_argument("--simulated", action="store_true", help="features drawn at random, no pictures")
    parser.add_argument("--weeks", type=int, default=N_WEEKS, help="length of a year, for a quick try")
    parser.add_argument("--design", choices=("uniform", "poisson"), default="uniform", help="of the audit")
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
