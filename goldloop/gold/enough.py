"""Whether the labelled samples suffice to train and to evaluate a model."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import Protocol

from goldloop.core.samples import SampleId
from goldloop.core.splits import Split


class Labelled(Protocol):
    """A sample with a label: a gold record or a provisional label."""

    @property
    def sample_id(self) -> SampleId:
        """The sample."""

    @property
    def label(self) -> str:
        """Its label."""

    @property
    def split(self) -> Split:
        """The split that it belongs to."""


class Shortage(Enum):
    """What the labelled samples have too little of for a retrain."""

    LABELS = auto()  # train has fewer than two
    HOLDOUT = auto()  # no audited sample is there to evaluate a model on


def shortage_of(samples: Iterable[Labelled]) -> Shortage | None:
    """Return what these samples have too little of; None if they suffice."""
    labelled = list(samples)
    if len(train_labels(labelled)) < 2:
        return Shortage.LABELS
    if all(sample.split is not Split.HOLDOUT for sample in labelled):
        return Shortage.HOLDOUT
    return None


def train_labels(samples: Iterable[Labelled]) -> list[str]:
    """Return the labels of the train samples, each once, in order of their names."""
    return sorted({sample.label for sample in samples if sample.split is Split.TRAIN})
