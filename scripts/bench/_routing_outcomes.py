"""What a policy comes to: who does what, which errors stay, what it costs, over many draws of audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from _outputs import Columns
from _routing_people import Said

from goldloop.core.lanes import Lane


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the samples that no audit drew: shares of lanes and errors in percent, the rest per 1,000 samples.

    `let_through` are wrong labels among the accepted, `wrong_of_accepted` their share of the accepted (0
    where nothing was accepted). Held samples get a full review in the end: it counts in `wrong`, which are
    all wrong labels, and in the costs, in currency.
    """

    accepted: float
    quick: float
    full: float
    held: float
    let_through: float
    wrong_of_accepted: float
    wrong: float
    people_cost: float
    error_cost: float
    cost: float


def outcome(
    lanes: npt.NDArray[np.str_],
    predicted: Columns,
    truth: Columns,
    said: Said,
    *,
    errors: npt.NDArray[np.float64],
    minute: float,
) -> Outcome:
    """Return what `lanes` (n,) come to; `errors` (n_labels, n_labels) in currency, row the true label."""
    in_lane = {lane: lanes == str(lane) for lane in Lane}
    is_full = in_lane[Lane.FULL] | in_lane[Lane.HOLD]
    label = np.select([in_lane[Lane.AUTO], is_full], [predicted, said.full], said.quick)
    seconds = np.select([in_lane[Lane.AUTO], is_full], [0.0, said.full_s], said.quick_s)
    is_wrong = label != truth
    is_let_through = is_wrong & in_lane[Lane.AUTO]
    n_accepted = max(1, int(in_lane[Lane.AUTO].sum()))
    people_cost = 1000 * float(seconds.mean()) / 60 * minute
    error_cost = 1000 * float(errors[truth, label].mean())
    return Outcome(
        **{
            name: 100 * float(in_lane[lane].mean())
            for name, lane in zip(("accepted", "quick", "full", "held"), Lane, strict=True)
        },
        let_through=1000 * float(is_let_through.mean()),
        wrong_of_accepted=100 * int(is_let_through.sum()) / n_accepted,
        wrong=1000 * float(is_wrong.mean()),
        people_cost=people_cost,
        error_cost=error_cost,
        cost=people_cost + error_cost,
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean over draws, and the interval that holds 95 % of them."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of `values`, one for each draw."""
        low, high = np.percentile(values, [2.5, 97.5])
        return cls(float(np.mean(values)), float(low), float(high))

    def text(self, digits: int = 1) -> str:
        """Return for example '12.3 [11.9 to 12.8]', or '0' where nothing varies."""
        if self.high == self.low == self.mean:
            return f"{self.mean:,.4g}"
        return f"{self.mean:,.{digits}f} [{self.low:,.{digits}f} to {self.high:,.{digits}f}]"


def spreads(runs: Mapping[str, Sequence[Outcome]], default: str) -> dict[str, dict[str, Spread]]:
    """Return each measure of each policy; `saved` is what it costs less than `default`, draw by draw."""
    found = {}
    for name, outcomes in runs.items():
        columns = {key: [asdict(one)[key] for one in outcomes] for key in asdict(outcomes[0])}
        pairs = zip(runs[default], outcomes, strict=True)
        columns["saved"] = [theirs.cost - ours.cost for theirs, ours in pairs]
        found[name] = {key: Spread.of(values) for key, values in columns.items()}
    return found


def table(found: Mapping[str, Mapping[str, Spread]], currency: str, default: str) -> str:
    """Return `found` in Markdown."""
    headings = {
        "quick": "quick review, %",
        "full": "full review, %",
        "held": "held, %",
        "let_through": "errors let through",
        "wrong_of_accepted": "of the accepted, %",
        "wrong": "wrong labels in all",
        "people_cost": f"people, {currency}",
        "cost": f"all costs, {currency}",
        "saved": f"less than the {default}, {currency}",
    }
    lines = [f"| policy | {' | '.join(headings.values())} |", "|---" * (len(headings) + 1) + "|"]
    for name, one in found.items():
        cells = [one[key].text(0 if currency in heading else 1) for key, heading in headings.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
