"""Votes: everything known about samples, and the same as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from goldloop.core.labels import LabelSet
from goldloop.core.probs import checked_probs
from goldloop.core.samples import SampleId

Floats = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]

NONE = -1
"""Where a column of the label set would stand, but there is none."""


@dataclass(frozen=True, slots=True)
class VotedSample:
    """Everything known about one sample.

    `votes` holds one label for each annotator. `probs`, calibrated and in label-set order, come from a model
    that has not learnt from this sample; None: there is no such model, or none may speak (audit). `shown` is
    the suggestion that an annotator saw, for those who saw one. `decision` is an adjudicator's label.
    """

    sample_id: SampleId
    votes: Mapping[str, str]
    probs: tuple[float, ...] | None = None
    shown: Mapping[str, str] = field(default_factory=dict)
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class VoteTable:
    """The votes of `n_samples` samples as arrays, one entry a vote, in order of sample, then annotator.

    `sample`, `annotator`, `label`, `shown` have shape (n_votes,); `annotator` counts in `annotators`, `label`
    and `shown` in the label set. `decision` has shape (n_samples,). `shown` and `decision` are NONE where there
    is none. `probs` has shape (n_samples, n_labels), a row of NaN where no model speaks.
    """

    labels: LabelSet
    annotators: tuple[str, ...]
    sample: Columns
    annotator: Columns
    label: Columns
    shown: Columns
    decision: Columns
    probs: Floats

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.decision)

    @property
    def n_votes(self) -> int:
        """Number of votes."""
        return len(self.sample)

    @property
    def has_probs(self) -> npt.NDArray[np.bool_]:
        """Whether a model speaks, shape (n_samples,)."""
        return ~np.isnan(self.probs[:, 0])

    @property
    def is_decided(self) -> npt.NDArray[np.bool_]:
        """Whether an adjudicator has decided, shape (n_samples,)."""
        decided: npt.NDArray[np.bool_] = self.decision != NONE
        return decided

    def counts(self) -> Floats:
        """Return votes by sample and label, shape (n_samples, n_labels)."""
        flat = np.bincount(self.sample * len(self.labels) + self.label, minlength=self.probs.size)
        return flat.reshape(self.probs.shape).astype(np.float64)

    def votes_of_samples(self) -> csr_array:
        """Return the 0-1 matrix (n_samples, n_votes) whose product with values of votes sums them by sample."""
        return _membership(self.sample, self.n_samples)

    def votes_of_annotators(self) -> csr_array:
        """Return the 0-1 matrix (n_annotators, n_votes) whose product sums values of votes by annotator."""
        return _membership(self.annotator, len(self.annotators))


def _membership(group: Columns, n_groups: int) -> csr_array:
    ones = np.ones(len(group))
    return csr_array((ones, (group, np.arange(len(group)))), shape=(n_groups, len(group)))


def vote_table(samples: Sequence[VotedSample], labels: LabelSet) -> VoteTable:
    """Return the votes of `samples`, sample numbers relative to them.

    Raises:
        LabelError: a vote, suggestion or decision outside the label set.
        InvalidProbabilitiesError: probs that are none; names the first bad row among those that have any.
    """
    columns = {name: column for column, name in enumerate(labels)}

    def column(name: str | None) -> int:
        if name is None:
            return NONE
        return columns[name] if name in columns else labels.column(name)

    annotators = tuple(sorted({annotator for sample in samples for annotator in sample.votes}))
    numbers = {annotator: number for number, annotator in enumerate(annotators)}
    rows = [
        (number, numbers[annotator], column(sample.votes[annotator]), column(sample.shown.get(annotator)))
        for number, sample in enumerate(samples)
        for annotator in sorted(sample.votes)
    ]
    votes = np.array(rows, dtype=np.intp).reshape(-1, 4)
    probs = np.full((len(samples), len(labels)), np.nan)
    spoken = {number: sample.probs for number, sample in enumerate(samples) if sample.probs is not None}
    if spoken:
        probs[list(spoken)] = checked_probs(list(spoken.values()), labels)
    return VoteTable(
        labels=labels,
        annotators=annotators,
        sample=votes[:, 0].copy(),
        annotator=votes[:, 1].copy(),
        label=votes[:, 2].copy(),
        shown=votes[:, 3].copy(),
        decision=np.array([column(sample.decision) for sample in samples], dtype=np.intp),
        probs=probs,
    )
