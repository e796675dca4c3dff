"""The traffic of the simulated year: which samples arrive in which week, and what is true of each.

`World` is a reader and a content store of goldloop. The payload of a sample is its features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.core.samples import Arrival, Decoded, FileRef, SampleId
from scripts.bench.pictures import Columns, Floats
from scripts.bench.year.stock import APPEARS, Stock

N_WEEKS = 52
A_WEEK = 600  # samples

SEASON, APPEARANCE, CAMERA, CARELESS = 14, 24, 34, 42
"""Weeks of the planted changes: half the labels come twice as often, a label appears, the camera breaks for a
week, an annotator is careless for four weeks."""

N_CARELESS = 4
SHARE_BROKEN = 0.5  # of the week's pictures: one of two cameras
SWAY = 0.15  # of each label's share, up and down over the year
CAUSES = {SEASON: "season", APPEARANCE: "new label", CAMERA: "camera"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What is true of a sample: the week it arrived in, its column, its row and view of the stock."""

    week: int
    truth: int
    row: int
    view: int
    is_broken: bool


class World:
    """A year's traffic: every picture in every view arrives at most once, in an order that `seed` draws."""

    def __init__(self, stock: Stock, seed: int, share_new: float = 0.10) -> None:
        self.labels, self.stock, self._seed = stock.labels, stock, seed
        self.samples: dict[SampleId, Sample] = {}
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

    def files(self, source: str) -> Iterator[FileRef]:
        """Yield what arrives in the week that `source`, such as 'week/7', names; weeks come in order."""
        number = int(source.rpartition("/")[2])
        counts = self._rng.multinomial(A_WEEK, self._mix(number))
        if any(k > len(left) for k, left in zip(counts, self._left, strict=True)):
            raise SystemExit(f"week {number} needs more pictures; use more --pictures or fewer --weeks")
        pairs = np.array([self._left[label].pop() for label, k in enumerate(counts) for _ in range(k)])
        is_broken = (self._rng.random(A_WEEK) < SHARE_BROKEN) & (number == CAMERA)
        for pair, broken in zip(self._rng.permutation(pairs).tolist(), is_broken.tolist(), strict=True):
            view, row = divmod(pair, self.stock.clean.shape[1])
            sample_id = self._id(number, pair)
            self.samples[sample_id] = Sample(number, int(self.stock.truth[row]), row, view, broken)
            yield FileRef(f"{source}/{pair}", 0, "")

    def read(self, file: FileRef) -> Arrival:
        """Return the decoded sample."""
        _, week, pair = file.uri.split("/")
        sample_id = self._id(int(week), int(pair))
        return Arrival(file, sample_id, self.load(sample_id))

    def keep(self, sample_id: SampleId, uri: str) -> str:
        """Return the path of a sample, which memory keeps anyway."""
        return uri

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a sample whose payload is its features (n_features,)."""
        sample = self.samples[sample_id]
        if sample.is_broken:
            return Decoded(self.stock.broken[sample.row])
        return Decoded(self.stock.clean[sample.view, sample.row])

    def truth(self, sample_ids: Sequence[SampleId]) -> Columns:
        """Return the true columns (n,)."""
        return np.array([self.samples[sample_id].truth for sample_id in sample_ids], dtype=np.intp)

    def features(self, sample_ids: Sequence[SampleId]) -> Floats:
        """Return the features (n, n_features)."""
        return np.array([self.load(sample_id).payload for sample_id in sample_ids])

    def _id(self, week: int, pair: int) -> SampleId:
        return SampleId(hashlib.sha256(f"{self._seed}:{week}:{pair}".encode()).hexdigest())

    def _mix(self, number: int) -> Floats:
        """Return the share of each label in a week's traffic."""
        shares = 1 + SWAY * np.sin(2 * np.pi * number / N_WEEKS + self._phase)
        shares *= self._season if number >= SEASON else 1
        shares[self._new] = 0
        new = self._share_new * (number >= APPEARANCE)
        shares *= (1 - new) / shares.sum()
        shares[self._new] = new
        return np.asarray(shares)
