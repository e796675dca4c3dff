"""Votes: the votes, prediction and decision of each sample, and the same as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from goldloop.core.labels import LabelSet
from goldloop.core.probs import checked_probs
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.stats.metrics import Columns, Flags

Floats = npt.NDArray[np.float64]

_LEAST_OVERLOOKED = 1e-3
"""Nobody sees every error: with a share of 0, one vote from a sheet would rule out all other labels."""

NONE = -1
"""Column number of a missing label."""


@dataclass(frozen=True, slots=True)
class VotedSample:
    """The votes, prediction and decision of one sample.

    `votes` holds one label for each annotator. `probs`, calibrated and in label-set order, come from a model
    that was not trained on this sample; None without such a model, and for an audit sample. `shown` holds the
    suggestion of each annotator who saw one. `decision` is the label of an adjudicator, of two people who
    agree on an appeal, or of a reported outcome; `decided_by` names which. `given_at` holds when each
    annotator's vote was first given, `decided_at` when the decision was known, in microseconds; a moment that
    is missing counts as 0. `overlooked` holds, of each annotator whose vote comes from a sheet, the share of
    wrong suggestions there that they leave unclicked.
    """

    sample_id: SampleId
    votes: Mapping[str, str]
    probs: tuple[float, ...] | None = None
    shown: Mapping[str, str] = field(default_factory=dict)
    decision: str | None = None
    decided_by: Purpose = Purpose.ADJUDICATION
    given_at: Mapping[str, int] = field(default_factory=dict)
    decided_at: int = 0
    overlooked: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VoteTable:
    """The votes of `n_samples` samples as arrays, one entry for each vote, in order of sample and annotator.

    `sample`, `annotator`, `label` and `shown` have shape (n_votes,); `annotator` is an index of `annotators`,
    `label` and `shown` are columns of the label set. `decision` has shape (n_samples,). `shown` and
    `decision` are NONE where missing. `probs` has shape (n_samples, n_labels), a row of NaN where missing.
    `given_at` (n_votes,) and `decided_at` (n_samples,) are moments in microseconds. `overlooked` (n_votes,)
    is NaN for all votes but those from sheets.
    """

    labels: LabelSet
    annotators: tuple[str, ...]
    sample: Columns
    annotator: Columns
    label: Columns
    shown: Columns
    decision: Columns
    probs: Floats
    given_at: Columns
    decided_at: Columns
    overlooked: Floats

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.decision)

    @property
    def n_votes(self) -> int:
        """Number of votes."""
        return len(self.sample)

    @property
    def is_on_sheet(self) -> Flags:
        """Which votes come from sheets, shape (n_votes,)."""
        on_sheet: Flags = ~np.isnan(self.overlooked)
        return on_sheet

    @property
    def is_decided(self) -> Flags:
        """Whether an adjudicator has decided, shape (n_samples,)."""
        decided: Flags = self.decision != NONE
        return decided

    def counts(self) -> Floats:
        """Return votes by sample and label, shape (n_samples, n_labels)."""
        return sums(np.eye(len(self.labels))[self.label], self.sample, self.n_samples)

    def tally(self, values: Floats) -> Floats:
        """Return sums of `values` (n_votes, K), shape (n_annotators, K, K: by the label of the vote)."""
        n_annotators, n_labels = len(self.annotators), len(self.labels)
        by_vote = sums(values, self.annotator * n_labels + self.label, n_annotators * n_labels)
        return by_vote.reshape(n_annotators, n_labels, n_labels).transpose(0, 2, 1)


def sums(values: Floats, group: Columns, n_groups: int) -> Floats:
    """Return the sums of the rows of `values` (n, m) by `group` (n,), shape (n_groups, m)."""
    n = len(group)
    summed: Floats = csr_array((np.ones(n), (group, np.arange(n))), shape=(n_groups, n)) @ values
    return summed


def vote_table(samples: Sequence[VotedSample], labels: LabelSet) -> VoteTable:
    """Return the votes of `samples` as arrays; a sample's number is its place in `samples`.

    Raises:
        LabelError: a vote, suggestion or decision outside the label set.
        InvalidProbabilitiesError: probs that are not probabilities; the message names the first bad row.
    """
    columns: dict[str | None, int] = {None: NONE} | {name: column for column, name in enumerate(labels)}

    def column(name: str | None) -> int:
        return columns[name] if name in columns else labels.column(str(name))

    annotators = tuple(sorted({annotator for sample in samples for annotator in sample.votes}))
    numbers = {annotator: number for number, annotator in enumerate(annotators)}
    rows = [
        (
            number,
            numbers[annotator],
            column(sample.votes[annotator]),
            column(sample.shown.get(annotator)),
            sample.given_at.get(annotator, 0),
        )
        for number, sample in enumerate(samples)
        for annotator in sorted(sample.votes)
    ]
    votes = np.array(rows, dtype=np.int64).reshape(-1, 5)
    overlooked = [sample.overlooked.get(who, np.nan) for sample in samples for who in sorted(sample.votes)]
    probs = np.full((len(samples), len(labels)), np.nan)
    predicted = {number: sample.probs for number, sample in enumerate(samples) if sample.probs is not None}
    if predicted:
        probs[list(predicted)] = checked_probs(list(predicted.values()), labels)
    return VoteTable(
        labels=labels,
        annotators=annotators,
        sample=votes[:, 0].copy(),
        annotator=votes[:, 1].copy(),
        label=votes[:, 2].copy(),
        shown=votes[:, 3].copy(),
        decision=np.array([column(sample.decision) for sample in samples], dtype=np.intp),
        probs=probs,
        given_at=votes[:, 4].copy(),
        decided_at=np.array([sample.decided_at for sample in samples], dtype=np.int64),
        overlooked=np.clip(np.array(overlooked, dtype=np.float64), _LEAST_OVERLOOKED, 1.0),
    )
