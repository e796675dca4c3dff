"""Splits: what a gold sample is used for."""

from __future__ import annotations

from enum import StrEnum

from goldloop.core.chance import is_judging, permanent_random
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


def wanted_split(
    sample_id: SampleId, purpose: Purpose, *, audit_rate: float, seed: int, entity: str | None = None
) -> Split:
    """Return the split of a sample, if none of its near-duplicates or of its `entity` has another one.

    Audit samples are drawn at random and go to validation or holdout, all of an entity to the same. All
    others go to train, but for those of an entity that judges.
    """
    if purpose is Purpose.AUDIT:
        number = permanent_random(entity or sample_id, seed, "split")
        return Split.HOLDOUT if number < HOLDOUT_SHARE else Split.VALIDATION
    if entity is not None and is_judging(entity, audit_rate=audit_rate, seed=seed):
        return Split.WITHHELD
    return Split.TRAIN


def fold_of(group: str, *, n_folds: int) -> int:
    """Return the fold of a sample, below `n_folds`; those that share an entity or a group share it."""
    return int(permanent_random(group, 0, "fold") * n_folds)


def split_beside(wanted: Split, of_group: Split | None) -> Split:
    """Return the split of a sample whose near-duplicates have split `of_group` (None: it has none).

    A train sample with a near-duplicate in validation or holdout is withheld: training on it would be a leak,
    and evaluating on it would be biased. A sample of validation or holdout follows its group.
    """
    if wanted is Split.WITHHELD:
        return wanted
    if of_group is None or of_group is wanted:
        return wanted
    if wanted is Split.TRAIN or of_group is Split.WITHHELD:
        return Split.WITHHELD
    return of_group
