"""Consensus: combines the votes on samples into a label for each, or none while the label is unsure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from goldloop.consensus.beliefs import Fit
from goldloop.consensus.dawid_skene import dawid_skene
from goldloop.consensus.majority import equal_weights
from goldloop.consensus.posterior import posterior
from goldloop.consensus.votes import Floats, VotedSample, vote_table
from goldloop.core.labels import LabelSet

__all__ = [
    "AnnotatorWeight",
    "Consensus",
    "ConsensusFit",
    "Method",
    "VotedSample",
    "fit_consensus",
    "majority",
]

ADJUDICATION = "adjudication/1"
MAJORITY = "majority/1"
POSTERIOR_DIGITS = 3

TIE = 1e-6
"""Two labels whose probabilities differ by less are tied: rounding depends on the order of additions."""


class Method(StrEnum):
    """How votes become a label."""

    POSTERIOR = "posterior"
    DAWID_SKENE = "dawid_skene"
    MAJORITY = "majority"

    @property
    def version(self) -> str:
        """Name of the method and version of its statistics, as a gold record keeps them."""
        return f"{self.value}/1"


@dataclass(frozen=True, slots=True)
class Consensus:
    """The consensus on one sample.

    `label` is None below the target, on a tie, and for a label without a vote or an adjudicator's decision.
    `support` of the `n_votes` votes are for the label, or for the likeliest label when `label` is None.
    `posterior` is the probability by label (for a majority the share of the votes), rounded to 3 digits,
    without the zeros.
    """

    label: str | None
    method: str
    support: int
    n_votes: int
    posterior: Mapping[str, float]
    is_tie: bool


@dataclass(frozen=True, slots=True)
class AnnotatorWeight:
    """Accuracy and weight of one annotator in the consensus.

    `accuracy` is the estimated probability of a right answer on a sample drawn from all samples. `weight` is
    the information in one vote relative to a vote of a typical annotator: 0 is none, 1 is typical.
    """

    annotator: str
    n_votes: int
    accuracy: float
    weight: float


def majority(votes: Mapping[str, str], *, overlap: int) -> Consensus:
    """Return the majority label of `votes` (label by annotator); a tie has no label.

    A label needs more than half of the `overlap` requested votes, and more votes than any other label. Each
    annotator has one vote; skips are not votes.
    """
    counts = Counter(votes.values())
    n_votes = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    support = ranked[0][1] if ranked else 0
    is_shared = len(ranked) > 1 and ranked[1][1] == support
    has_enough = support > overlap / 2
    return Consensus(
        label=ranked[0][0] if has_enough and not is_shared else None,
        method=MAJORITY,
        support=support,
        n_votes=n_votes,
        posterior={
            label: round(count / n_votes, POSTERIOR_DIGITS) for label, count in sorted(counts.items())
        },
        is_tie=is_shared and n_votes >= overlap,
    )


class ConsensusFit:
    """The consensus on all samples, in the order of the input, and the fit that gave it."""

    def __init__(self, fit: Fit, consensus: Sequence[Consensus], rows: npt.NDArray[np.intp]) -> None:
        self._fit = fit
        self._rows = rows  # row of each sample in the fit
        self.consensus = list(consensus)

    @property
    def confusion(self) -> Floats:
        """P(answer | true label) of a typical annotator, (n_labels, n_labels), rows summing to 1."""
        return self._fit.confusion

    def posterior(self) -> Floats:
        """Return the unrounded posterior of every sample, (n_samples, n_labels), rows summing to 1."""
        return self._fit.beliefs.posterior()[self._rows]

    def expected_gain(self) -> Floats:
        """Return by how much one more typical vote would lower the expected Brier score, (n_samples,).

        In [0, 1], largest for the samples that gain most from one more vote; 0 for an adjudicated sample.
        """
        return self._fit.gains()[self._rows]

    def leave_one_out(self, sample: int, annotator: str) -> Floats:
        """Return the posterior of sample number `sample` without the vote of `annotator`, (n_labels,).

        It measures an annotator against everything but their own vote. The confusion matrices stay as fitted.
        """
        return self._fit.beliefs.without(int(self._rows[sample]), annotator)

    def annotators(self) -> tuple[AnnotatorWeight, ...]:
        """Return the accuracy and weight of each annotator, in order of name."""
        fit, table = self._fit, self._fit.beliefs.table
        if not table.annotators:
            return ()
        shares = fit.beliefs.posterior().mean(axis=0)
        typical = _information(fit.confusion, shares)
        n_votes = np.bincount(table.annotator, minlength=len(table.annotators))
        return tuple(
            AnnotatorWeight(
                annotator=name,
                n_votes=int(n_votes[number]),
                accuracy=float(shares @ np.diag(fit.matrices[number])),
                weight=_information(fit.matrices[number], shares) / typical if typical else 1.0,
            )
            for number, name in enumerate(table.annotators)
        )


def _information(matrix: Floats, shares: Floats) -> float:
    """Return the mutual information of an answer and the true label, in nats."""
    joint = shares[:, None] * matrix
    apart = shares[:, None] * joint.sum(axis=0)
    is_possible = joint > 0
    return float((joint[is_possible] * np.log(joint[is_possible] / apart[is_possible])).sum())


_FITS = {
    Method.POSTERIOR: posterior,
    Method.DAWID_SKENE: dawid_skene,
    Method.MAJORITY: equal_weights,
}


def fit_consensus(
    samples: Sequence[VotedSample], labels: LabelSet, *, method: Method, target: float, overlap: int
) -> ConsensusFit:
    """Return the consensus on `samples` by `method`; their sample ids are all different.

    An adjudicator's decision is the label. Otherwise the posterior and Dawid-Skene need a probability of at
    least `target` and at least one vote for that label, so that no model makes gold alone. A majority needs
    more than half of `overlap` votes. The order of the samples and of their votes does not matter.

    Raises:
        LabelError: a vote, suggestion or decision outside the label set.
        InvalidProbabilitiesError: probs that are not probabilities.

    Three annotators agree on the first sample; one of them and the model's doubt leave the second less sure:

    >>> first = VotedSample("a1", {"ana": "cat", "ben": "cat", "eva": "cat"}, probs=(0.9, 0.1))
    >>> second = VotedSample("b2", {"ana": "dog", "ben": "dog", "eva": "cat"}, probs=(0.3, 0.7))
    >>> labels = LabelSet.of(["cat", "dog"])
    >>> fit = fit_consensus([first, second], labels, method=Method.POSTERIOR, target=0.9, overlap=1)
    >>> for consensus in fit.consensus:
    ...     print(consensus.label, consensus.support, "of", consensus.n_votes, dict(consensus.posterior))
    cat 3 of 3 {'cat': 0.998, 'dog': 0.002}
    dog 2 of 3 {'cat': 0.046, 'dog': 0.954}
    """
    order = sorted(range(len(samples)), key=lambda number: samples[number].sample_id)
    table = vote_table([samples[number] for number in order], labels)
    rows = np.argsort(np.array(order, dtype=np.intp))
    fit = _FITS[method](table)
    probability = fit.beliefs.posterior()[rows]
    consensus = [
        _consensus(sample, row, labels, method=method, target=target, overlap=overlap)
        for sample, row in zip(samples, probability, strict=True)
    ]
    return ConsensusFit(fit, consensus, rows)


def _consensus(
    sample: VotedSample, probability: Floats, labels: LabelSet, *, method: Method, target: float, overlap: int
) -> Consensus:
    if sample.decision is not None:
        return Consensus(
            label=sample.decision,
            method=ADJUDICATION,
            support=sum(vote == sample.decision for vote in sample.votes.values()),
            n_votes=len(sample.votes),
            posterior={sample.decision: 1.0},
            is_tie=False,
        )
    if method is Method.MAJORITY:
        return majority(sample.votes, overlap=overlap)
    best, second = np.argsort(-probability, kind="stable")[:2]
    is_tie = bool(probability[best] - probability[second] < TIE)
    support = [sum(vote == labels[column] for vote in sample.votes.values()) for column in (best, second)]
    is_sure = bool(probability[best] >= target) and not is_tie and support[0] > 0
    return Consensus(
        label=labels[best] if is_sure else None,
        method=method.version,
        support=max(support) if is_tie else support[0],
        n_votes=len(sample.votes),
        posterior={
            name: float(share)
            for name, share in zip(labels, probability.round(POSTERIOR_DIGITS), strict=True)
            if share
        },
        is_tie=is_tie and bool(sample.votes),
    )
