"""Provisional labels: the likeliest labels of answered samples whose label is not gold yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from goldloop.consensus.outcomes import SampleOutcome
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split

LEAST_POSTERIOR = 0.5
"""A provisional label is more likely right than wrong."""


@dataclass(frozen=True, slots=True)
class ProvisionalLabel:
    """The likeliest or presumed label of a train sample that is not gold; it teaches and never judges."""

    sample_id: SampleId
    label: str
    group: str
    entity: str | None = None
    split: Split = Split.TRAIN

    @property
    def cluster(self) -> str:
        """What the sample has in common with those that a model is right about together."""
        return self.entity or self.group


def provisional_labels(outcomes: Iterable[SampleOutcome]) -> list[ProvisionalLabel]:
    """Return the provisional labels, in the order of `outcomes`.

    The label of a sample is the likeliest of those that annotators gave, if its posterior is above
    LEAST_POSTERIOR. Samples of the other splits have none: unsettled audits would judge or calibrate a model
    by labels in dispute.
    """
    return [
        ProvisionalLabel(outcome.evidence.sample_id, label, plan.group, plan.entity)
        for outcome in outcomes
        for plan in [outcome.evidence.plan]
        if outcome.gold_label is None and plan.split is Split.TRAIN
        if (label := _likeliest(outcome)) is not None
    ]


def _likeliest(outcome: SampleOutcome) -> str | None:
    posterior = outcome.consensus.posterior
    label = max(posterior, key=lambda name: posterior[name], default=None)
    if label is None or posterior[label] <= LEAST_POSTERIOR:
        return None
    return label if label in outcome.evidence.voted.votes.values() else None
