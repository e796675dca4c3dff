"""The comparison of strategies on gold: its table, and in words which of them would have paid."""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.reports.formatting import amount_cell, interval, number, percent, points_cell
from goldloop.reports.section import Row
from goldloop.selection.learning_curves import LearningCurve, StrategyComparison
from goldloop.selection.simulation import Pair
from goldloop.stats.metrics import Estimate

LIMITS = (
    "The pool is gold, which earlier strategies chose in part: chance does better among it than among all "
    "traffic, so that gains are rather too small. The test is audits alone, a random draw.",
    "The intervals hold for all strategies together with 95 %, over seeds and audits, for this gold as the "
    "pool. Labels count once: wrong answers and further ones are not simulated.",
)
"""What the simulation can show, and what it cannot."""


def strategy_title(comparison: StrategyComparison) -> str:
    """Return one line: how many samples were chosen from, and what tested."""
    return (
        f"strategies on gold: {comparison.n_pool:,} samples to choose from, "
        f"{comparison.n_audits:,} audits to test, {comparison.n_seeds} seeds"
    )


def strategy_rows(comparison: StrategyComparison) -> list[Row]:
    """Return a row for each pair of strategies: accuracy by labels, and what was gained over chance."""
    return [
        {
            "first batch": curve.pair[0],
            "later": curve.pair[1],
            **{
                f"{size:,} labels": percent(share)
                for size, share in zip(comparison.sizes, curve.accuracy, strict=True)
            },
            "over random, mean": points_cell(curve.gain),
            "labels saved, mean": "–" if curve.saved is None else amount_cell(curve.saved),
        }
        for curve in comparison.curves
    ]


def strategy_verdict(comparison: StrategyComparison, *, strategy: str) -> list[str]:
    """Return in words which strategy would have paid; `strategy` is the setting in force."""
    paying, best = comparison.paying, comparison.best
    first, last = comparison.sizes[0], comparison.sizes[-1]
    if paying is None or paying.gain is None or paying.saved is None:
        return [_undecided(best), *_harmful(comparison.curves)]
    sentences = [
        f"{_name(paying.pair)} would have paid: {_points(paying.gain)} of accuracy over a random choice, "
        f"mean of {first:,} to {last:,} labels.",
        _saved(paying.saved),
    ]
    if paying.pair[1] == strategy:
        sentences.append(f"selection.strategy is {strategy!r} already.")
    else:
        sentences.append(
            f"selection.strategy is {strategy!r}; a change pays only if the intervals of the two lie apart."
        )
    return [*sentences, *_harmful(comparison.curves)]


def _undecided(best: LearningCurve) -> str:
    gain = best.gain
    if gain is None:
        return "No strategy gains anything over a random choice on this gold."
    sentence = (
        f"The gold is too small to tell: the best, {_name(best.pair)}, gains {_points(gain)} over a random "
        "choice, and the interval includes 0."
    )
    if gain.value <= 0:
        return sentence
    factor = ((gain.value - gain.low) / gain.value) ** 2
    return f"{sentence} A gain of this size would take about {number(factor * gain.n)} audits to show."


def _saved(saved: Estimate) -> str:
    """Return how many labels were saved; the same number of answers at one answer a label."""
    if saved.low <= 0:
        return f"How many labels it saves is not sure: {amount_cell(saved)}, on average over these sizes."
    return (
        f"It is as accurate as a random choice with {amount_cell(saved)} labels fewer, on average over these "
        "sizes: as many answers saved, at one answer a label."
    )


def _harmful(curves: Sequence[LearningCurve]) -> list[str]:
    return [
        f"{_name(curve.pair)} would have cost accuracy: {_points(curve.gain)}."
        for curve in curves
        if curve.gain is not None and curve.gain.high < 0
    ]


def _points(gain: Estimate) -> str:
    sign = "+" if gain.value > 0 else ""
    return f"{sign}{number(100 * gain.value, 1)} points {interval(gain)}"


def _name(pair: Pair) -> str:
    return f"{pair[0]} first, then {pair[1]}"
