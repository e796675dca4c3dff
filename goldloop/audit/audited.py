"""Audited samples: what people, blind, say of randomly drawn samples, beside what a model said of them.

Two views of them answer two questions. *As first scored*: what came of the traffic as it arrived; the
population is known, every sample's first prediction is kept, and nothing has been learnt from it by then.
*As judged*: what one model, today's champion, says of the whole holdout, which it never learnt from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs, confidence
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldRecord
from goldloop.stats.metrics import Columns, Flags, Weights


@dataclass(frozen=True, slots=True)
class Audited:
    """Randomly drawn samples with their true label and what was said of them, row by row.

    `truth` (n,) are label-set columns, `probs` (n, n_labels) calibrated, `weights` (n,) inverse inclusion
    probabilities; only their ratios count. `lanes` (n,) hold the lane of the decision, `rounds` (n,) the
    round in which the sample was scored; as judged these mean nothing and are "" and -1.
    """

    sample_ids: tuple[SampleId, ...]
    truth: Columns
    probs: Probs
    weights: Weights
    lanes: npt.NDArray[np.str_]
    rounds: npt.NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.truth)

    @property
    def is_right(self) -> Flags:
        """Whether the likeliest label is the true one, (n,)."""
        return np.asarray(self.probs.argmax(axis=1) == self.truth, dtype=bool)

    @property
    def confidence(self) -> npt.NDArray[np.float64]:
        """Largest probability of each row, (n,)."""
        return confidence(self.probs)

    def where(self, rows: npt.NDArray[np.bool_]) -> Audited:
        """Return the samples whose entry in `rows` (n,) is true."""
        kept = np.flatnonzero(rows)
        return Audited(
            tuple(self.sample_ids[row] for row in kept.tolist()),
            self.truth[kept],
            self.probs[kept],
            self.weights[kept],
            self.lanes[kept],
            self.rounds[kept],
        )


@dataclass(frozen=True, slots=True)
class Traffic:
    """Every sample a model has scored, as it was first scored: the population audits are drawn from.

    `probs` (N, n_labels), `lanes` (N,), `policies` (N,) versions of the policy that decided, `rounds` (N,).
    """

    sample_ids: tuple[SampleId, ...]
    probs: Probs
    lanes: npt.NDArray[np.str_]
    policies: npt.NDArray[np.str_]
    rounds: npt.NDArray[np.intp]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.lanes)

    def where(self, rows: npt.NDArray[np.bool_]) -> Traffic:
        """Return the samples whose entry in `rows` (N,) is true."""
        kept = np.flatnonzero(rows)
        return Traffic(
            tuple(self.sample_ids[row] for row in kept.tolist()),
            self.probs[kept],
            self.lanes[kept],
            self.policies[kept],
            self.rounds[kept],
        )


def audited_traffic(traffic: Traffic, gold: Iterable[GoldRecord], labels: LabelSet) -> Audited:
    """Return the audited samples of `traffic`, validation and holdout alike, in its order.

    Both count here: nothing was ever fitted on them before they were first scored.
    """
    places = {sample_id: place for place, sample_id in enumerate(traffic.sample_ids)}
    drawn = {
        places[one.sample_id]: one
        for one in gold
        if one.purpose is Purpose.AUDIT and one.inclusion_probability and one.sample_id in places
    }
    rows = np.array(sorted(drawn), dtype=np.intp)
    return Audited(
        sample_ids=tuple(traffic.sample_ids[row] for row in rows.tolist()),
        truth=np.array([labels.column(drawn[row].label) for row in rows.tolist()], dtype=np.intp),
        probs=traffic.probs[rows],
        weights=np.array([1 / (drawn[row].inclusion_probability or 1) for row in rows.tolist()]),
        lanes=traffic.lanes[rows],
        rounds=traffic.rounds[rows],
    )
