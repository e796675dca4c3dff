"""Splits: what a gold sample is used for."""

from __future__ import annotations

from enum import StrEnum

from goldloop.core.chance import permanent_random
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose

HOLDOUT_SHARE = 2 / 3  # of the audit; the rest is validation, which selects temperature and epoch


VALIDATION_FOLDS = 5
"""Folds of validation where a model learns from it too, and is calibrated by cross-fitting."""


class Split(StrEnum):
    """What a gold sample is used for; withheld samples are not used."""

    TRAIN = "train"
    VALIDATION = "validation"
    HOLDOUT = "holdout"
    WITHHELD = "withheld"


def wanted_split(sample_id: SampleId, purpose: Purpose, *, seed: int) -> Split:
    """Return the split of a sample without near-duplicates.

    Audit samples are drawn at random and go to validation or holdout; all others go to train.
    """
    if purpose is not Purpose.AUDIT:
        return Split.TRAIN
    return Split.HOLDOUT if permanent_random(sample_id, seed, "split") < HOLDOUT_SHARE else Split.VALIDATION


def fold_of(group: str, *, n_folds: int) -> int:
    """Return the fold of a sample, below `n_folds`; near-duplicates, which share a group, share it."""
    return int(permanent_random(SampleId(group), 0, "fold") * n_folds)


def split_beside(wanted: Split, of_group: Split | None) -> Split:
    """Return the split of a sample whose near-duplicates have split `of_group` (None: it has none).

    A train sample with a near-duplicate in validation or holdout is withheld: training on it would be a leak,
    and evaluating on it would be biased. A sample of validation or holdout follows its group.
    """
    if of_group is None or of_group is wanted:
        return wanted
    if wanted is Split.TRAIN or of_group is Split.WITHHELD:
        return Split.WITHHELD
    return of_group
