"""Consensus: combines the votes on samples into a label for each, or none while the label is unsure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from goldloop.consensus.beliefs import Beliefs, Fit, with_decisions
from goldloop.consensus.dawid_skene import dawid_skene
from goldloop.consensus.estimates import Estimates
from goldloop.consensus.posterior import posterior, posterior_by
from goldloop.consensus.votes import Floats, VotedSample, VoteTable, vote_table
from goldloop.core.labels import LabelSet
from goldloop.core.ports import DerivedText

POSTERIOR_DIGITS = 3

TIE = 1e-6
"""Two labels whose probabilities differ by less are tied: rounding depends on the order of additions."""

MAJORITY_ACCURACY = 0.9
"""Assumed accuracy of every annotator where all votes have the same weight."""


class Method(StrEnum):
    """How votes become a label."""

    POSTERIOR = "posterior"
    DAWID_SKENE = "dawid_skene"
    MAJORITY = "majority"


@dataclass(frozen=True, slots=True)
class Consensus:
    """The consensus on one sample.

    `label` is None below the target, on a tie, and for a label without a vote or an adjudicator's decision.
    `method` names the method and the version of its statistics.
    `posterior` is the probability by label (for a majority the share of the votes), rounded to 3 digits,
    without the zeros.
    """

    label: str | None
    method: str
    posterior: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ConsensusFit:
    """The consensus on all samples, in the order of the input, and the fit that gave it.

    `rows` holds the row of each sample in `fit`.
    """

    consensus: Sequence[Consensus]
    fit: Fit
    rows: npt.NDArray[np.intp]

    def posterior(self) -> Floats:
        """Return the unrounded posterior of every sample, (n_samples, n_labels), rows summing to 1."""
        return self.fit.beliefs.posterior()[self.rows]

    def expected_gain(self) -> Floats:
        """Return `Fit.gains` of every sample, (n_samples,): the most gains most from one more vote."""
        return self.fit.gains()[self.rows]

    def leave_one_out(self, sample: int, annotator: str) -> Floats:
        """Return the posterior of sample number `sample` without the vote of `annotator`, (n_labels,).

        It measures an annotator against everything but their own vote. The parameters stay as fitted.
        """
        return self.fit.beliefs.without(int(self.rows[sample]), annotator)


def majority(table: VoteTable) -> Fit:
    """Return the fit where every vote has the same weight, and the model's prediction has none.

    The label with the most votes is then the likeliest.
    """
    n_labels = len(table.labels)
    confusion = MAJORITY_ACCURACY * np.eye(n_labels) + (1 - MAJORITY_ACCURACY) / n_labels
    uniform = np.full((table.n_samples, n_labels), 1 / n_labels)
    log_votes = np.log(confusion).T[table.label]
    beliefs = Beliefs(table, with_decisions(uniform, table), log_votes, appearance=np.eye(n_labels))
    return Fit(beliefs, confusion, np.zeros(uniform.shape))


_FITS = {Method.DAWID_SKENE: dawid_skene, Method.MAJORITY: majority}


def fit_consensus(
    samples: Sequence[VotedSample],
    labels: LabelSet,
    *,
    method: Method,
    target: float,
    kept: DerivedText | None = None,
    estimates: Estimates | None = None,
) -> ConsensusFit:
    """Return the consensus on `samples` by `method`; their sample ids are all different.

    An adjudicator's decision is the label. Otherwise the posterior and Dawid-Skene need a probability of at
    least `target` and at least one vote for that label, so that no model makes gold alone. A majority needs
    more votes than any other label. The order of the samples and of their votes does not matter. `kept` keeps
    the posterior's estimates between calls; it takes `estimates` as they are where they are given.

    Raises:
        LabelError: a vote, suggestion or decision outside the label set.
        InvalidProbabilitiesError: probs that are not probabilities.

    Three annotators agree on the first sample; one of them and the model's doubt leave the second less sure:

    >>> first = VotedSample("a1", {"ana": "cat", "ben": "cat", "eva": "cat"}, probs=(0.9, 0.1))
    >>> second = VotedSample("b2", {"ana": "dog", "ben": "dog", "eva": "cat"}, probs=(0.3, 0.7))
    >>> labels = LabelSet.of(["cat", "dog"])
    >>> fit = fit_consensus([first, second], labels, method=Method.POSTERIOR, target=0.9)
    >>> for consensus in fit.consensus:
    ...     print(consensus.label, dict(consensus.posterior))
    cat {'cat': 0.998, 'dog': 0.002}
    dog {'cat': 0.046, 'dog': 0.954}
    """
    order = sorted(range(len(samples)), key=lambda number: samples[number].sample_id)
    table = vote_table([samples[number] for number in order], labels)
    rows = np.argsort(np.array(order, dtype=np.intp))
    if method is Method.POSTERIOR:
        fit = posterior(table, kept) if estimates is None else posterior_by(estimates, table)
    else:
        fit = _FITS[method](table)
    if method is Method.MAJORITY:
        counts, target = table.counts(), 0.0
        probability = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    else:
        probability = fit.beliefs.posterior()
    consensus = [
        _consensus(sample, row, labels, method=method, target=target)
        for sample, row in zip(samples, probability[rows], strict=True)
    ]
    return ConsensusFit(consensus, fit, rows)


def _consensus(
    sample: VotedSample, probability: Floats, labels: LabelSet, *, method: Method, target: float
) -> Consensus:
    if sample.decision is not None:
        return Consensus(sample.decision, f"{sample.decided_by}/1", {sample.decision: 1.0})
    best, second = np.argsort(-probability, kind="stable")[:2]
    is_sure = probability[best] >= target and probability[best] - probability[second] >= TIE
    shares = zip(labels, probability.round(POSTERIOR_DIGITS).tolist(), strict=True)
    return Consensus(
        label=labels[best] if is_sure and labels[best] in sample.votes.values() else None,
        method=f"{method}/1",
        posterior={name: share for name, share in shares if share},
    )
