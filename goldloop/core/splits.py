"""Splits: what a gold sample is used for."""

from __future__ import annotations

from enum import StrEnum

from goldloop.core.chance import permanent_random
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

HOLDOUT_SHARE = 0.5  # of the audit; the other half is validation, where temperature and epoch are chosen


class Split(StrEnum):
    """What a gold sample is used for; withheld ones are used for nothing."""

    TRAIN = "train"
    VALIDATION = "validation"
    HOLDOUT = "holdout"
    WITHHELD = "withheld"


def wanted_split(sample_id: SampleId, purpose: Purpose, *, seed: int) -> Split:
    """Return the split a sample has by itself: chosen samples train, samples drawn for the audit judge."""
    if purpose is not Purpose.AUDIT:
        return Split.TRAIN
    return Split.HOLDOUT if permanent_random(sample_id, seed, "split") < HOLDOUT_SHARE else Split.VALIDATION


def split_beside(wanted: Split, of_group: Split | None) -> Split:
    """Return the split of a sample whose near-duplicates already have split `of_group`.

    A chosen sample beside a judging one is withheld: it may neither train (a leak) nor judge (not random).
    A random sample follows its group.
    """
    if of_group is None or of_group is wanted:
        return wanted
    if wanted is Split.TRAIN or of_group is Split.WITHHELD:
        return Split.WITHHELD
    return of_group
