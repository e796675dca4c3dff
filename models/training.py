"""What training has in common whatever is classified: its checks and its calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import EmptyPoolError, LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.stats.calibration import Calibration, fit_calibration
from goldloop.stats.metrics import Columns, Weights

Example = tuple[SampleId, int]
"""A sample and the column of its label."""

MIN_CALIBRATION = 20
"""Fewest validation samples a calibration is fitted on; with fewer, probs stay as the model gives them."""


def check_examples(train: Sequence[Example], validation: Sequence[Example], labels: LabelSet) -> None:
    """Check that there is something to train on, and that every column is one of `labels`.

    Raises:
        EmptyPoolError: there is nothing to train on.
        LabelError: a column is outside the label set.
    """
    if not train:
        raise EmptyPoolError("0 samples to train on; let people answer some tasks and pull first")
    for sample_id, column in (*train, *validation):
        if not 0 <= column < len(labels):
            raise LabelError(
                f"sample {sample_id} has column {column}, the label set has {len(labels)} labels"
            )


def calibrated(
    logits: npt.NDArray[np.float64], columns: Columns, weights: Weights
) -> tuple[Calibration, tuple[str, ...]]:
    """Return the calibration that validation `logits` (n, n_labels) call for, and notes for the user."""
    n = len(columns)
    if n < MIN_CALIBRATION:
        return Calibration(), (
            f"confidence is not calibrated: {n} validation samples, {MIN_CALIBRATION} are needed; "
            "the audit brings more every round",
        )
    return fit_calibration(logits, columns, weights=weights), ()
