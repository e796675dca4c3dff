"""Checks: what moved between a batch and what the same model saw before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import LabelError
from goldloop.drift.sketches import N_BINS, Sketch
from goldloop.drift.statistics import homogeneity, mean_shift

ALPHA = 0.004
"""Chance of each of the three tests to see a move where there is none.

52 weekly batches of three tests are 156: 0.6 false alarms a year are expected, and more than two come about
in one year of 40.
"""

LEAST_N = 50
"""Fewest predictions, in the batch and before it, that a check is made on."""

LEAST_LABEL_MOVE = 0.02
"""Smallest change of a label's share of the predictions that is worth a word, however sure it is."""

LEAST_CONFIDENCE_MOVE = 0.04
"""The same for the share of a range of confidence."""

LEAST_SHIFT = 0.10
"""The same for the mean embedding, in standard deviations of a single one."""

MOST_LABELS = 3
"""Labels that a check names, those that moved most."""

_LEAST_Z = 2.0  # a label that is named moved by at least as many standard errors

Kind = Literal["confidence", "labels", "embeddings"]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that moved: `what`, its share of the predictions `before` and `now`, said in `sentence`.

    For embeddings these are 0 and the distance of the mean embeddings in standard deviations. `low` and
    `high` bound the range of confidence and are None for other kinds. `statistic` and `p_value` belong to
    the test of the kind as a whole.
    """

    kind: Kind
    what: str
    before: float
    now: float
    statistic: float
    p_value: float
    sentence: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What moved between `n` predictions and `n_reference` earlier ones; `unknown` is why none is known."""

    drifts: tuple[Drift, ...]
    n: int
    n_reference: int
    unknown: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should read; empty when all is as before."""
        return (self.unknown,) if self.unknown else tuple(one.sentence for one in self.drifts)

    def to_json(self) -> str:
        """Return the check as text."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the check that `to_json` wrote."""
        values: Mapping[str, Any] = json.loads(text)
        return cls(
            drifts=tuple(Drift(**one) for one in values["drifts"]),
            n=int(values["n"]),
            n_reference=int(values["n_reference"]),
            unknown=str(values["unknown"]),
        )


def check_drift(sketch: Sketch, reference: Sketch | None) -> Check:
    """Return what moved between `sketch`, a batch, and `reference`, what the same model saw before it.

    Three tests at ALPHA each: chi-square of the confidence histograms and of the predicted labels
    [pearson1900], Hotelling's of the mean embeddings. What is significant is named if it is also large
    enough to matter, so that a huge batch does not raise an alarm over a trifle.

    Raises:
        LabelError: the two are of models with different labels.
    """
    n_reference = reference.n if reference else 0
    if reference is None or n_reference < LEAST_N:
        return Check(
            (),
            sketch.n,
            n_reference,
            f"nothing to compare with yet: this model has seen {n_reference} samples before, {LEAST_N} are "
            "needed; this batch is what later ones are compared with",
        )
    if sketch.n < LEAST_N:
        return Check(
            (), sketch.n, n_reference, f"{sketch.n} samples are too few to tell a drift, {LEAST_N} are needed"
        )
    if sketch.labels != reference.labels:
        raise LabelError(
            f"a batch with labels {list(sketch.labels)} cannot be compared with one with "
            f"{list(reference.labels)}; take what the same model version saw before"
        )
    drifts = (
        *_confidence_drift(sketch, reference),
        *_label_drifts(sketch, reference),
        *_embedding_drift(sketch, reference),
    )
    return Check(drifts, sketch.n, n_reference)


def _confidence_drift(sketch: Sketch, reference: Sketch) -> tuple[Drift, ...]:
    """The range of confidence that gained most."""
    now, before = _shares(sketch.confidence_counts), _shares(reference.confidence_counts)
    statistic, p_value = homogeneity(sketch.confidence_counts, reference.confidence_counts, is_ordered=True)
    first, last = _largest_gain(now - before)
    share_now, share_before = float(now[first:last].sum()), float(before[first:last].sum())
    if p_value > ALPHA or share_now - share_before < LEAST_CONFIDENCE_MOVE:
        return ()
    low, high = first / N_BINS, last / N_BINS
    what = f"confidence {low:.2f} to {high:.2f}"
    sentence = f"{what} went from {_percent(share_before)} to {_percent(share_now)} of predictions"
    return (Drift("confidence", what, share_before, share_now, statistic, p_value, sentence, low, high),)


def _largest_gain(gains: Shares) -> tuple[int, int]:
    """Return where the shortest run of neighbours with the largest sum begins and ends (excluded)."""
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    last = int(np.argmax(sums - np.minimum.accumulate(sums)))
    return last - int(np.argmin(sums[last::-1])), last


def _label_drifts(sketch: Sketch, reference: Sketch) -> tuple[Drift, ...]:
    now, before = _shares(sketch.label_counts), _shares(reference.label_counts)
    statistic, p_value = homogeneity(sketch.label_counts, reference.label_counts, is_ordered=False)
    if p_value > ALPHA:
        return ()
    moves = np.abs(now - before)
    pooled = _shares(sketch.label_counts + reference.label_counts)
    errors = np.sqrt(pooled * (1 - pooled) * (1 / sketch.n + 1 / reference.n))
    is_named = (moves >= LEAST_LABEL_MOVE) & (moves >= _LEAST_Z * errors)
    named = sorted(np.flatnonzero(is_named).tolist(), key=lambda one: (-moves[one], sketch.labels[one]))
    return tuple(
        Drift(
            kind="labels",
            what=sketch.labels[one],
            before=float(before[one]),
            now=float(now[one]),
            statistic=statistic,
            p_value=p_value,
            sentence=f"label '{sketch.labels[one]}' went from {_percent(before[one])} to "
            f"{_percent(now[one])} of predictions",
        )
        for one in named[:MOST_LABELS]
    )


def _embedding_drift(sketch: Sketch, reference: Sketch) -> tuple[Drift, ...]:
    statistic, p_value, distance = mean_shift(sketch, reference)
    if p_value > ALPHA or distance < LEAST_SHIFT:
        return ()
    sentence = f"samples look different: their mean embedding moved by {distance:.2f} standard deviations"
    return (Drift("embeddings", "embeddings", 0.0, distance, statistic, p_value, sentence),)


def _shares(counts: npt.NDArray[np.int64]) -> Shares:
    shares: Shares = counts / counts.sum()
    return shares


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
