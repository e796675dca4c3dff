"""The traffic of the simulated year: which samples arrive in which week, and what is true of each.

`World` is a kind of samples of goldloop: modality, reader and content store. The payload of a sample is its
features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldloop.core.disk import Write, write_whole
from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE, Features, Preview
from goldloop.core.samples import Arrival, Decoded, FileRef, SampleId
from goldloop.core.tasks import NewTask
from scripts.bench.pictures import Columns, Floats
from scripts.bench.year.stock import APPEARS, Stock

N_WEEKS = 52
A_WEEK = 600  # samples
FIRST_WEEK = 440  # samples of week 0, which annotators label without a model: about 500 answers

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


def source_of(week: int) -> str:
    """Return the name of what arrives in a week."""
    return f"week/{week}"


class World:
    """A year's traffic: every picture in every view arrives at most once, in an order that `seed` draws.

    Satisfies `goldloop.core.modality.Modality`, `Reader` and `ContentStore`.
    """

    kind = "image"
    max_distance = MAX_FINGERPRINT_DISTANCE
    has_stakes = False

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

    @property
    def reader(self) -> World:
        """Reads the weeks."""
        return self

    @property
    def store(self) -> World:
        """Keeps all samples anyway."""
        return self

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return what arrives in the week that `source_of` named; weeks come once, in order."""
        number = int(source.rpartition("/")[2])
        n = A_WEEK if number else FIRST_WEEK
        counts = self._rng.multinomial(n, self._mix(number))
        if any(k > len(left) for k, left in zip(counts, self._left, strict=True)):
            raise SystemExit(f"week {number} needs more pictures; use more --pictures or fewer --weeks")
        pairs = np.array([self._left[label].pop() for label, k in enumerate(counts) for _ in range(k)])
        is_broken = (self._rng.random(n) < SHARE_BROKEN) & (number == CAMERA)
        files = []
        for pair, broken in zip(self._rng.permutation(pairs).tolist(), is_broken.tolist(), strict=True):
            view, row = divmod(pair, self.stock.clean.shape[1])
            sample_id = SampleId(hashlib.sha256(f"{self._seed}:{number}:{pair}".encode()).hexdigest())
            self.samples[sample_id] = Sample(number, int(self.stock.truth[row]), row, view, broken)
            files.append((sample_id, FileRef(f"{source}/{pair}", 0, "")))
        return self.again((sample_id, file) for sample_id, file in files if not is_known(file))

    def again(self, samples: Iterable[tuple[SampleId, FileRef]]) -> Iterator[Arrival]:
        """Yield samples that arrived before."""
        return (Arrival(file, sample_id, self.load(sample_id)) for sample_id, file in samples)

    def keep(self, sample_id: SampleId, uri: str, write: Write = write_whole) -> str:
        """Return no path: annotators are simulated."""
        return ""

    def file(self, sample_id: SampleId) -> Path | None:
        """Return no file."""
        return None

    def for_preset(self, preset: str) -> World:
        """Return the same traffic: payloads are features."""
        return self

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return nothing."""
        return {}

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return nothing: annotators are simulated."""
        return {}

    def preview(self, sample_id: SampleId, uris: Sequence[str] = ()) -> Preview | None:
        """Return nothing: no report is drawn."""
        return None

    def columns(self, sample_id: SampleId) -> Mapping[str, str]:
        """Return nothing: gold is not exported."""
        return {}

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a sample whose payload is its features (n_features,)."""
        sample = self.samples[sample_id]
        if sample.is_broken:
            return Decoded(self.stock.broken[sample.row])
        return Decoded(self.stock.clean[sample.view, sample.row])

    def truth(self, sample_ids: Sequence[SampleId]) -> Columns:
        """Return the true columns (n,)."""
        return np.array([self.samples[sample_id].truth for sample_id in sample_ids], dtype=np.intp)

    def _mix(self, number: int) -> Floats:
        """Return the share of each label in a week's traffic."""
        shares = 1 + SWAY * np.sin(2 * np.pi * number / N_WEEKS + self._phase)
        shares *= self._season if number >= SEASON else 1
        shares[self._new] = 0
        new = self._share_new * (number >= APPEARANCE)
        shares *= (1 - new) / shares.sum()
        shares[self._new] = new
        return np.asarray(shares)
