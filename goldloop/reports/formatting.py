"""How figures are written, in one place for the commands, Prefect's artifacts, the page and the plots.

A minus is the typographic sign, thousands are separated by commas, brackets hold a 95 % interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from goldloop.core.lanes import lane_shares, listed_lanes
from goldloop.stats.measures import MIN_N, Measure
from goldloop.stats.metrics import Estimate

Tone = Literal["", "good", "bad", "soft", "strong"]
NOTHING = "–"
"""What stands where there is no figure and no reason is known."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell or list item: the figure or words, what belongs beside it, and how it stands out.

    The page draws `small` in small print, and `shares` (by lane) as a bar.
    """

    text: str
    small: str = ""
    tone: Tone = ""
    shares: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the text as commands and artifacts print it."""
        return f"{self.text} {self.small}".strip()


def number(value: float, digits: int = 0) -> str:
    """Return `value` with `digits` digits after the point, for example '1,234.5'."""
    return f"{value:z,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(share: float, digits: int = 1) -> str:
    """Return a share as a percentage, for example '93.4 %'."""
    return f"{number(100 * share, digits)} %"


def interval(estimate: Estimate, digits: int = 1, *, factor: float = 100) -> str:
    """Return the interval of `estimate` in multiples of 1 / `factor`, for example '[91.0, 95.2]'."""
    return f"[{number(factor * estimate.low, digits)}, {number(factor * estimate.high, digits)}]"


def n_text(sizes: Sequence[int]) -> str:
    """Return the range of `sizes`, for example 'n=20 to 400'."""
    if not sizes:
        return "nothing judged yet"
    low, high = min(sizes), max(sizes)
    return f"n={low:,}" if low == high else f"n={low:,} to {high:,}"


def shortened(label: str, limit: int = 18) -> str:
    """Return `label` with at most `limit` characters, an ellipsis in place of the rest."""
    return label if len(label) <= limit else f"{label[: limit - 1]}…"


def number_cell(
    figure: Measure | Estimate | None,
    digits: int = 0,
    *,
    factor: float = 1,
    unit: str = "",
    missing: str = NOTHING,
) -> Cell:
    """Return a figure with interval and n, for example '4.2 [3.9, 4.6], n=140', or why there is none."""
    if isinstance(figure, Measure) and figure.estimate is None:
        return Cell(f"{figure.missing}, n={figure.n:,}", tone="soft")
    estimate = figure.estimate if isinstance(figure, Measure) else figure
    if estimate is None:
        return Cell(missing, tone="soft")
    beside = f"{interval(estimate, digits, factor=factor)}, n={estimate.n:,}"
    return Cell(f"{number(factor * estimate.value, digits)}{unit}", beside)


def percent_cell(figure: Measure | Estimate | None, *, missing: str = NOTHING) -> Cell:
    """Return a share with interval and n, for example '93.4 % [91.0, 95.2], n=140', or why there is none."""
    return number_cell(figure, 1, factor=100, unit=" %", missing=missing)


def points_cell(figure: Measure | Estimate | None) -> Cell:
    """Return a difference of two shares, for example '−12.0 points [−20.1, −4.0], n=40'."""
    return number_cell(figure, 1, factor=100, unit=" points")


def share_cell(share: Estimate | None) -> Cell:
    """Return a share as `percent_cell` does; below `MIN_N` cases it is too few."""
    return percent_cell(share if share is None or share.n >= MIN_N else Measure(share.n, None))


def amount_cell(amount: Measure | Estimate, digits: int = 0) -> Cell:
    """Return an amount, for example '12 [8, 17]', '12' where it was counted, or why it is not known."""
    estimate = amount.estimate if isinstance(amount, Measure) else amount
    if estimate is None:
        return number_cell(amount)
    is_exact = estimate.low == estimate.high
    return Cell(number(estimate.value, digits), "" if is_exact else interval(estimate, digits, factor=1))


def lanes_cell(counts: Mapping[str, int]) -> Cell:
    """Return the shares of the lanes, for example 'auto 60 %, review 30 %, hold 10 %', with their bar."""
    shares = lane_shares(counts)
    if not shares:
        return Cell(NOTHING, tone="soft")
    words = ", ".join(f"{lane} {percent(shares[lane], 0)}" for lane in listed_lanes(counts))
    return Cell("", words, shares={str(lane): share for lane, share in shares.items()})
