"""Amounts: sums and multiples of measures, each with its interval; the unknown stays unknown."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from goldloop.stats.measures import Measure
from goldloop.stats.metrics import Estimate


def exact(value: float, n: int = 1) -> Measure:
    """Return a `value` that was counted, or assumed, over `n` cases: an interval of no width."""
    return Measure(n, Estimate(value, value, value, max(n, 1)))


def scaled(measure: Measure, factor: float) -> Measure:
    """Return `factor` times `measure`; a negative factor turns its interval round."""
    found = measure.estimate
    if found is None:
        return measure
    low, high = sorted((factor * found.low, factor * found.high))
    return Measure(measure.n, Estimate(factor * found.value, low, high, found.n))


def total(parts: Sequence[Measure]) -> Measure:
    """Return the sum of independent `parts`, at least one, from their intervals [zou2008].

    Unknown as soon as one part is, for that part's reason. It rests on as many cases as the part with the
    fewest of those that are uncertain.
    """
    unknown = next((one for one in parts if one.estimate is None), None)
    if unknown is not None:
        return unknown
    found = [one.estimate for one in parts if one.estimate is not None]
    value = sum(one.value for one in found)
    low = value - sqrt(sum((one.value - one.low) ** 2 for one in found))
    high = value + sqrt(sum((one.high - one.value) ** 2 for one in found))
    n = min((one.n for one in found if one.low < one.high), default=max(one.n for one in found))
    return Measure(n, Estimate(value, low, high, n))


def less(whole: Measure, part: Measure) -> Measure:
    """Return `whole` minus `part`, which are independent."""
    return total([whole, scaled(part, -1)])


def product(count: Measure, price: Measure) -> Measure:
    """Return `count` times `price`, independent and of at least 0; an interval to first order in each."""
    n, each = count.estimate, price.estimate
    if n is None or each is None:
        return count if n is None else price
    value = n.value * each.value
    low = value - sqrt((each.value * (n.value - n.low)) ** 2 + (n.value * (each.value - each.low)) ** 2)
    high = value + sqrt((each.value * (n.high - n.value)) ** 2 + (n.value * (each.high - each.value)) ** 2)
    return Measure(count.n, Estimate(value, max(0.0, low), high, n.n))
