"""Whether gold suffices to train and to evaluate a model."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from goldloop.core.splits import Split
from goldloop.gold.records import GoldRecord


class Shortage(Enum):
    """What gold has too little of for a retrain."""

    LABELS = auto()  # train has fewer than two
    HOLDOUT = auto()  # no audited sample is there to evaluate a model on


def shortage_of(records: Sequence[GoldRecord]) -> Shortage | None:
    """Return what gold with these records has too little of; None if it suffices."""
    if len({record.label for record in records if record.split is Split.TRAIN}) < 2:
        return Shortage.LABELS
    if all(record.split is not Split.HOLDOUT for record in records):
        return Shortage.HOLDOUT
    return None
