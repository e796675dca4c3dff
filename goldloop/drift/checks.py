"""Checks: which statistics of a batch differ from those of the same model's earlier batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2_contingency, f

from goldloop.drift.sketches import N_BINS, Sketch, Values

ALPHA = 0.004
"""Significance level of each of the three tests.

With 52 weekly batches, 0.6 false alarms a year are expected; more than two occur in one year of 40.
"""

LEAST_N = 50  # predictions, in the batch and in the reference, for a check

# Significant changes below these are ignored: of a label's share, of the share of a range of confidence, and
# of the mean embedding, in standard deviations of a single embedding.
LEAST_LABEL_MOVE, LEAST_CONFIDENCE_MOVE, LEAST_SHIFT = 0.02, 0.04, 0.10

MOST_LABELS = 3  # the labels with the largest changes are named
LEAST_EXPECTED = 5.0  # count of a cell; smaller cells are joined [cochran1954]
_LEAST_Z = 2.0  # a named label has changed by at least this number of standard errors
_FLAT = 1e-6  # an axis with less than this share of the largest variance is dropped
_CONSTANT = 1e-10  # a feature with less than this share of its squares in its scatter is constant


@dataclass(frozen=True, slots=True)
class Drift:
    """A change of `what`: its share of the predictions `before` and `now`, and a `sentence` for the report.

    For embeddings, `before` is 0 and `now` the distance of the mean embeddings in standard deviations. `low`
    and `high` are the ends of a range of confidence, None for other kinds.
    """

    kind: Literal["confidence", "labels", "embeddings"]
    what: str
    before: float
    now: float
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


def check_drift(sketch: Sketch, reference: Sketch | None) -> Check:
    """Return the changes between `sketch`, a batch, and `reference`, the same model's earlier batches.

    Three tests, each at level ALPHA: chi-square of the confidence histograms and of the predicted labels
    [pearson1900], and Hotelling's T2 of the mean embeddings [hotelling1931]. A significant change is reported
    only if it is also large enough, so that a huge batch raises no alarm about a negligible shift.

    >>> from goldloop.core.labels import LabelSet
    >>> from goldloop.drift.sketches import sketch_of
    >>> def seen(counts: list[int]) -> Sketch:
    ...     probs, embeddings = np.repeat(np.eye(3), counts, axis=0), np.ones((sum(counts), 4))
    ...     return sketch_of(probs, embeddings, LabelSet.of(["cat", "dog", "emu"]))
    >>> check_drift(seen([30, 34, 36]), seen([200, 200, 200])).sentences
    ()
    >>> for sentence in check_drift(seen([10, 40, 50]), seen([200, 200, 200])).sentences:
    ...     print(sentence)
    label 'cat' went from 33.3 % to 10.0 % of predictions
    label 'emu' went from 33.3 % to 50.0 % of predictions

    Raises:
        LabelError: `sketch` and `reference` have different labels.
    """
    n_reference = reference.n if reference else 0
    if reference is None or n_reference < LEAST_N:
        unknown = (
            f"no drift check yet: this model has scored {n_reference} samples before, {LEAST_N} are needed; "
            "later batches are compared with this one"
        )
        return Check((), sketch.n, n_reference, unknown)
    if sketch.n < LEAST_N:
        unknown = f"no drift check: the batch has {sketch.n} samples, {LEAST_N} are needed"
        return Check((), sketch.n, n_reference, unknown)
    drifts = (
        *_confidence_drift(sketch, reference),
        *_label_drifts(sketch, reference),
        *_embedding_drift(sketch, reference),
    )
    return Check(drifts, sketch.n, n_reference)


def _confidence_drift(now: Sketch, before: Sketch) -> list[Drift]:
    """Return the change of the range of confidence whose share grew most."""
    first, last = _largest_gain(now.confidence_shares - before.confidence_shares)
    share_now, share_before = (float(part.confidence_shares[first:last].sum()) for part in (now, before))
    p_value = homogeneity(now.confidence_counts, before.confidence_counts, is_ordered=True)
    if p_value > ALPHA or share_now - share_before < LEAST_CONFIDENCE_MOVE:
        return []
    low, high = first / N_BINS, last / N_BINS
    what = f"confidence {low:.2f} to {high:.2f}"
    sentence = _went(what, share_before, share_now)
    return [Drift("confidence", what, share_before, share_now, sentence, low, high)]


def _largest_gain(gains: Values) -> tuple[int, int]:
    """Return start and end (exclusive) of the shortest run of neighbours with the largest sum."""
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    last = int(np.argmax(sums - np.minimum.accumulate(sums)))
    return last - int(np.argmin(sums[last::-1])), last


def _label_drifts(now: Sketch, before: Sketch) -> list[Drift]:
    shares = (now + before).label_shares
    if homogeneity(now.label_counts, before.label_counts, is_ordered=False) > ALPHA:
        return []
    moves = np.abs(now.label_shares - before.label_shares)
    errors = np.sqrt(shares * (1 - shares) * (1 / now.n + 1 / before.n))
    is_named = (moves >= LEAST_LABEL_MOVE) & (moves >= _LEAST_Z * errors)
    named = sorted(np.flatnonzero(is_named).tolist(), key=lambda column: (-moves[column], now.labels[column]))
    drifts = []
    for column in named[:MOST_LABELS]:
        label, share, earlier = now.labels[column], now.label_shares[column], before.label_shares[column]
        sentence = _went(f"label '{label}'", earlier, share)
        drifts.append(Drift("labels", label, float(earlier), float(share), sentence))
    return drifts


def _went(what: str, before: float, now: float) -> str:
    return f"{what} went from {100 * before:.1f} % to {100 * now:.1f} % of predictions"


def _embedding_drift(now: Sketch, before: Sketch) -> list[Drift]:
    p_value, distance = mean_shift(now, before)
    if p_value > ALPHA or distance < LEAST_SHIFT:
        return []
    sentence = f"samples look different: their mean embedding moved by {distance:.2f} standard deviations"
    return [Drift("embeddings", "embeddings", 0.0, distance, sentence)]


def homogeneity(now: npt.ArrayLike, before: npt.ArrayLike, *, is_ordered: bool) -> float:
    """Return the p-value of Pearson's chi-square for equal shares of two counts (k,) [pearson1900].

    Cells in which the smaller side expects less than LEAST_EXPECTED are joined to their neighbours if the
    counts are ordered, otherwise to each other.
    """
    both = np.array([now, before], dtype=np.float64)
    share = both.sum(axis=1).min() / both.sum()
    if not is_ordered:  # sort by size, so that the order of labels does not matter
        both = both[:, np.lexsort((both[0], -both.sum(axis=0)))]
    cells: list[Values] = [np.zeros(2)]
    for cell in both.T:
        if cells[-1].sum() * share >= LEAST_EXPECTED:
            cells.append(np.zeros(2))
        cells[-1] = cells[-1] + cell
    if len(cells) > 1 and cells[-1].sum() * share < LEAST_EXPECTED:
        cells[-2:] = [cells[-2] + cells[-1]]
    return float(chi2_contingency(cells, correction=False).pvalue)


def mean_shift(now: Sketch, before: Sketch) -> tuple[float, float]:
    """Return the p-value of Hotelling's T2 for equal mean embeddings [hotelling1931], and the distance moved.

    The distance is the Mahalanobis distance in standard deviations of a single embedding, corrected for its
    bias by chance, at least 0.
    """
    n, m = now.n, before.n
    scatter = now.scatter + before.scatter
    varies = np.diag(scatter) > _CONSTANT * np.diag(now.squares + before.squares)
    if not varies.any():
        return 1.0, 0.0
    covariance = scatter[np.ix_(varies, varies)] / (n + m - 2)
    deviations = np.sqrt(np.diag(covariance))
    difference = (now.mean - before.mean)[varies] / deviations
    spread, axes = np.linalg.eigh(covariance / np.outer(deviations, deviations))
    kept = spread > _FLAT * spread[-1]
    squared, k = float(((axes.T @ difference)[kept] ** 2 / spread[kept]).sum()), int(kept.sum())
    statistic = n * m / (n + m) * squared
    p_value = float(f.sf(statistic * (n + m - k - 1) / (k * (n + m - 2)), k, n + m - k - 1))
    return p_value, float(np.sqrt(max(0.0, squared - k * (1 / n + 1 / m))))
