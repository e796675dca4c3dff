"""What training has in common whatever is classified: its checks and its calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from goldloop.core.errors import EmptyPoolError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.stats.calibration import Calibration, fit_calibration
from goldloop.stats.metrics import Columns, Weights, checked_weights

Example = tuple[SampleId, int]
"""A sample and the column of its label."""

MIN_CALIBRATION = 20
"""Fewest validation samples a calibration is fitted on; with fewer, probs stay as the model gives them."""


def checked_examples(
    train: Sequence[Example],
    validation: Sequence[Example],
    validation_weights: Sequence[float] | None,
    labels: LabelSet,
) -> Weights:
    """Return the weights (n,) of `validation`, by default 1; raises the errors that `Trainer.train` names."""
    if not train:
        raise EmptyPoolError("0 samples to train on; let people answer some tasks and pull first")
    for sample_id, column in (*train, *validation):
        if not 0 <= column < len(labels):
            raise LabelError(
                f"sample {sample_id} has column {column}, the label set has {len(labels)} labels"
            )
    return checked_weights(validation_weights, len(validation))


def validation_figures(
    logits: npt.NDArray[np.float64], columns: Columns, weights: Weights
) -> dict[str, float]:
    """Return accuracy and loss of `logits` (n, n_labels) by the name the tracker knows; none for no rows."""
    if not len(columns):
        return {}
    losses = -log_softmax(logits, axis=1)[np.arange(len(columns)), columns]
    return {
        "validation/accuracy": float(np.average(logits.argmax(axis=1) == columns, weights=weights)),
        "validation/loss": float(np.average(losses, weights=weights)),
    }


def calibrated(
    logits: npt.NDArray[np.float64], columns: Columns, weights: Weights, learnt: Columns | None = None
) -> tuple[Calibration, tuple[str, ...]]:
    """Return the calibration that validation `logits` (n, n_labels) call for, and notes for the user.

    `learnt` (m,) are the columns that the model learnt from; None: how frequent labels were there is not
    looked at.
    """
    n = len(columns)
    if n < MIN_CALIBRATION:
        return Calibration(), (
            f"confidence is not calibrated: {n} validation samples, {MIN_CALIBRATION} are needed; "
            "the audit brings more every round",
        )
    return fit_calibration(logits, columns, weights=weights, learnt=learnt), ()
