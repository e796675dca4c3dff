"""Checks: which statistics of a batch differ from those of the same model's earlier batches."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import LabelError
from goldloop.drift.sketches import N_BINS, Sketch
from goldloop.drift.statistics import homogeneity, mean_shift

ALPHA = 0.004
"""Significance level of each of the three tests.

With 52 weekly batches, 0.6 false alarms a year are expected; more than two occur in one year of 40.
"""

LEAST_N = 50
"""Fewest predictions, in the batch and in the reference, for a check."""

LEAST_LABEL_MOVE = 0.02
"""Smallest reported change of a label's share of predictions; smaller significant changes are ignored."""

LEAST_CONFIDENCE_MOVE = 0.04
"""Smallest reported change of the share of a range of confidence."""

LEAST_SHIFT = 0.10
"""Smallest reported shift of the mean embedding, in standard deviations of a single embedding."""

MOST_LABELS = 3
"""Largest number of labels in a check; the labels with the largest changes are named."""

_LEAST_Z = 2.0  # a named label has changed by at least this number of standard errors

Kind = Literal["confidence", "labels", "embeddings"]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """A change of `what`: its share of the predictions `before` and `now`, and a `sentence` for the report.

    For embeddings, `before` is 0 and `now` the distance of the mean embeddings in standard deviations. `low`
    and `high` are the ends of a range of confidence, None for other kinds. `statistic` and `p_value` belong
    to the test of the whole kind.
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
    """The changes between `n` predictions and `n_reference` earlier ones.

    `unknown` is the reason why the check could not be made, or empty.
    """

    drifts: tuple[Drift, ...]
    n: int
    n_reference: int
    unknown: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """Sentences for the report; none if nothing changed."""
        return (self.unknown,) if self.unknown else tuple(drift.sentence for drift in self.drifts)

    def to_json(self) -> str:
        """Return the check as JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the check that `to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {"drifts": tuple(Drift(**fields) for fields in values["drifts"])})


def check_drift(sketch: Sketch, reference: Sketch | None) -> Check:
    """Return the changes between `sketch`, a batch, and `reference`, the same model's earlier batches.

    Three tests, each at level ALPHA: chi-square of the confidence histograms and of the predicted labels
    [pearson1900], and Hotelling's T2 of the mean embeddings [hotelling1931]. A significant change is reported
    only if it is also large enough, so that a huge batch raises no alarm about a negligible shift.

    >>> from goldloop.core.labels import LabelSet
    >>> from goldloop.drift.sketches import SketchBuilder
    >>> def sketch_of(counts: list[int]) -> Sketch:
    ...     builder = SketchBuilder(LabelSet.of(["cat", "dog", "emu"]))
    ...     builder.add(np.repeat(np.eye(3), counts, axis=0), np.ones((sum(counts), 4)))
    ...     return builder.sketch()
    >>> reference = sketch_of([200, 200, 200])
    >>> check_drift(sketch_of([30, 34, 36]), reference).sentences
    ()
    >>> for sentence in check_drift(sketch_of([10, 40, 50]), reference).sentences:
    ...     print(sentence)
    label 'cat' went from 33.3 % to 10.0 % of predictions
    label 'emu' went from 33.3 % to 50.0 % of predictions

    Raises:
        LabelError: `sketch` and `reference` have different labels.
    """
    n_reference = reference.n if reference else 0
    unknown = ""
    if n_reference < LEAST_N:
        unknown = (
            f"no drift check yet: this model has scored {n_reference} samples before, {LEAST_N} are needed; "
            "later batches are compared with this one"
        )
    elif sketch.n < LEAST_N:
        unknown = f"no drift check: the batch has {sketch.n} samples, {LEAST_N} are needed"
    if reference is None or unknown:
        return Check((), sketch.n, n_reference, unknown)
    if sketch.labels != reference.labels:
        raise LabelError(
            f"cannot compare a batch with labels {list(sketch.labels)} with batches with labels "
            f"{list(reference.labels)}; pass the sketches of one model version"
        )
    drifts = (
        *_confidence_drift(sketch, reference),
        *_label_drifts(sketch, reference),
        *_embedding_drift(sketch, reference),
    )
    return Check(drifts, sketch.n, n_reference)


def _confidence_drift(sketch: Sketch, reference: Sketch) -> tuple[Drift, ...]:
    """Return the change of the range of confidence whose share grew most."""
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
    """Return start and end (exclusive) of the shortest run of neighbours with the largest sum."""
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
    named = sorted(
        np.flatnonzero(is_named).tolist(), key=lambda column: (-moves[column], sketch.labels[column])
    )
    return tuple(
        Drift(
            kind="labels",
            what=sketch.labels[column],
            before=float(before[column]),
            now=float(now[column]),
            statistic=statistic,
            p_value=p_value,
            sentence=f"label '{sketch.labels[column]}' went from {_percent(before[column])} to "
            f"{_percent(now[column])} of predictions",
        )
        for column in named[:MOST_LABELS]
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
