"""Cross-validation: what models say of samples that they were not trained on, for any trainer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs
from goldloop.core.samples import Decoded, SampleId
from goldloop.gold.records import GoldRecord
from goldloop.training.label_errors import Rows, cross_validated_probs
from goldloop.training.ports import Trainer

_MINIBATCH = 256


def cross_validate(
    records: Sequence[GoldRecord],
    *,
    labels: LabelSet,
    trainer: Trainer,
    load: Callable[[SampleId], Decoded],
    scratch: Path,
    advance: Callable[[float], None] = lambda _: None,
    n_folds: int,
    seed: int,
) -> Probs:
    """Return probs (n, n_labels) of each record by a model of `trainer` that never saw its near-duplicates.

    `scratch` is a folder for the models.

    Raises:
        EmptyPoolError: there are too few samples for `n_folds`.
    """
    samples = [(record.sample_id, labels.column(record.label)) for record in records]
    columns = np.array([column for _, column in samples], dtype=np.intp)
    n_done = 0

    def fit(train: Rows, held_out: Rows) -> Probs:
        nonlocal n_done
        folder = scratch / f"fold-{n_done}"
        trainer.train(
            [samples[row] for row in train],
            [],
            labels=labels,
            load=load,
            folder=folder,
            advance=lambda share: advance((n_done + share) / n_folds),
        )
        scorer = trainer.scorer(folder)
        n_done += 1
        parts = [held_out[start : start + _MINIBATCH] for start in range(0, len(held_out), _MINIBATCH)]
        return np.concatenate(
            [scorer([load(samples[row][0]).payload for row in part]).probs for part in parts]
        )

    groups = [record.cluster for record in records]
    return cross_validated_probs(columns, groups, labels=labels, fit=fit, n_folds=n_folds, seed=seed)
