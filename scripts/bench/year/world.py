"""The world of the simulated year: what arrives in which week, and the people who answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from _year_pictures import APPEARS, Stock

from goldloop.core.samples import SampleId

Columns = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Rng = np.random.Generator

N_WEEKS = 52
A_WEEK = 600  # samples
N_FEATURES = 64

SEASON, APPEARANCE, CAMERA, CARELESS = 14, 24, 34, 42
"""Weeks of the planted changes: half the labels come twice as often or half as often, a label appears, the
camera breaks for a week, an annotator is careless for four."""

N_CARELESS = 4
SHARE_BROKEN = 0.5  # of the week's pictures: one of two cameras
SWAY = 0.15  # of each label's share, up and down over the year
CAUSES = {SEASON: "season", APPEARANCE: "new label", CAMERA: "camera"}


@dataclass(frozen=True, slots=True)
class Week:
    """What arrives in a week: `features` (n, N_FEATURES), `truth` (n,); `rows` (n,) of the stock."""

    number: int
    sample_ids: tuple[SampleId, ...]
    features: npt.NDArray[np.float32]
    truth: Columns
    rows: Columns

    def __len__(self) -> int:
        return len(self.truth)


class World:
    """A year's traffic: every picture in every view arrives at most once, in an order that `seed` draws."""

    def __init__(self, stock: Stock, seed: int, share_new: float = 0.10) -> None:
        self.labels, self.stock, self._seed = stock.labels, stock, seed
        self._share_new = share_new  # of the traffic, from the new label's appearance on
        self._rng = np.random.default_rng([seed, 1])
        self._new = stock.labels.column(APPEARS)
        self._phase = self._rng.uniform(0, 2 * np.pi, len(stock.labels))
        known = np.delete(np.arange(len(stock.labels)), self._new)
        self._season = np.ones(len(stock.labels))
        self._season[self._rng.permutation(known)[: len(known) // 2]] = 2.0
        n_views, n = stock.clean.shape[:2]
        pairs = self._rng.permutation(n_views * n)
        of_label = stock.truth[pairs % n]
        self._left = [pairs[of_label == label].tolist() for label in range(len(stock.labels))]

    def mix(self, number: int) -> Floats:
        """Return the share of each label in a week's traffic."""
        shares = 1 + SWAY * np.sin(2 * np.pi * number / N_WEEKS + self._phase)
        shares *= self._season if number >= SEASON else 1
        shares[self._new] = 0
        new = self._share_new * (number >= APPEARANCE)
        shares *= (1 - new) / shares.sum()
        shares[self._new] = new
        return np.asarray(shares)

    def week(self, number: int, n: int = A_WEEK) -> Week:
        """Return what arrives in week `number`; weeks are asked for in order."""
        counts = self._rng.multinomial(n, self.mix(number))
        pairs = np.array([self._left[label].pop() for label, k in enumerate(counts) for _ in range(k)])
        pairs = self._rng.permutation(pairs)
        view, rows = np.divmod(pairs, self.stock.clean.shape[1])
        features = self.stock.clean[view, rows]
        if number == CAMERA:
            is_broken = self._rng.random(n) < SHARE_BROKEN
            features[is_broken] = self.stock.broken[rows[is_broken]]
        ids = tuple(
            SampleId(hashlib.sha256(f"{self._seed}:{number}:{pair}".encode()).hexdigest())
            for pair in pairs.tolist()
        )
        return Week(number, ids, features, self.stock.truth[rows], rows)


def reduced(stock: Stock) -> Stock:
    """Return the stock with the N_FEATURES directions in which good pictures differ most."""
    good = stock.clean[0]
    mean = good.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(good - mean, rowvar=False).astype(np.float64))
    axes = axes[:, -N_FEATURES:].astype(np.float32)
    return Stock(
        stock.labels, (stock.clean - mean) @ axes, (stock.broken - mean) @ axes, stock.truth, stock.people
    )


# --- people

SKILLS = {"1": 0.95, "2": 0.93, "3": 0.92, "4": 0.94}
SENIOR, SENIOR_SKILL = "9", 0.985
CARELESS_ONE, CARELESS_SHARE = "3", 0.35  # of that person's answers in those weeks hit any label
HARDER = np.array(
    [0.35, 1.8, 3.0, 3.5]
)  # how much likelier a mistake is, by how many of three real people erred
LED = 0.08  # of right answers give way to a wrong suggestion
HELPED = 0.5  # of wrong answers give way to a right one
SECONDS = {"quick": 25.0, "blind": 30.0, "adjudicating": 60.0}  # means
SPREAD = 0.5  # of the logarithm of a time


class People:
    """Annotators whose mistakes are where, and what, real people's mistakes on the picture were."""

    def __init__(self, stock: Stock, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 2])
        self._stock = stock
        n_wrong = (stock.people != stock.truth[:, None]).sum(axis=1)
        self._harder = HARDER[n_wrong] / HARDER[n_wrong].mean()

    def somebody(self, but: tuple[str, ...] = ()) -> str:
        """Return who answers next; nobody of `but` does."""
        return str(self._rng.choice([one for one in SKILLS if one not in but]))

    def says(self, who: str, row: int, week: int, suggested: int | None = None) -> int:
        """Return the column that somebody answers for a picture of the stock."""
        truth, n_labels = int(self._stock.truth[row]), len(self._stock.labels)
        is_careless = who == CARELESS_ONE and CARELESS <= week < CARELESS + N_CARELESS
        if is_careless and self._rng.random() < CARELESS_SHARE:
            return int(self._rng.integers(n_labels))
        skill = SENIOR_SKILL if who == SENIOR else SKILLS[who]
        is_wrong = self._rng.random() < min(0.9, (1 - skill) * self._harder[row])
        if suggested is not None:
            if is_wrong and suggested == truth:
                is_wrong = self._rng.random() >= HELPED
            elif not is_wrong and suggested != truth and self._rng.random() < LED:
                return suggested
        return self._mistake(row, truth, n_labels) if is_wrong else truth

    def _mistake(self, row: int, truth: int, n_labels: int) -> int:
        real = [int(one) for one in self._stock.people[row] if one != truth]
        if real:
            return real[int(self._rng.integers(len(real)))]
        return int((truth + self._rng.integers(1, n_labels)) % n_labels)

    def expected_errors(self, week: Week) -> float:
        """Return how many of a week's samples one blind answer each is expected to get wrong."""
        found = []
        for who, skill in SKILLS.items():
            errors = np.minimum(0.9, (1 - skill) * self._harder[week.rows])
            if who == CARELESS_ONE and CARELESS <= week.number < CARELESS + N_CARELESS:
                at_random = 1 - 1 / len(self._stock.labels)
                errors = CARELESS_SHARE * at_random + (1 - CARELESS_SHARE) * errors
            found.append(errors.sum())
        return float(np.mean(found))

    def takes_s(self, kind: str) -> float:
        """Return how many seconds an answer takes."""
        return float(SECONDS[kind] * np.exp(self._rng.normal(0, SPREAD) - SPREAD**2 / 2))
