"""Inputs: what calibration is fitted on and judged with, checked once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.stats.metrics import Columns, checked_columns

Matrix = npt.NDArray[np.float64]


def checked_matrix(values: npt.ArrayLike, what: str) -> Matrix:
    """Return `values` as finite float64 (n, at least 2 labels); `what` names them in an error.

    Raises:
        InvalidProbabilitiesError: a wrong shape, or the first row that is not finite.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] < 2:
        raise InvalidProbabilitiesError(f"{what} need shape (n, at least 2 labels), got {matrix.shape}")
    bad = ~np.isfinite(matrix).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InvalidProbabilitiesError(
            f"{what} of row {row} are not finite: {matrix[row].tolist()}; check the model"
        )
    return matrix


def checked_truth(columns: npt.ArrayLike, matrix: Matrix) -> Columns:
    """Return the true columns (n,) of the rows of `matrix`.

    Raises:
        EmptyPoolError: no rows.
        LabelError: a column outside the label set, or another number of them.
    """
    n, n_labels = matrix.shape
    if n == 0:
        raise EmptyPoolError(
            "0 samples say nothing about calibration; label some audit samples and pull first"
        )
    checked = checked_columns(columns, n_labels=n_labels)
    if checked.shape != (n,):
        raise LabelError(f"there are {len(checked)} columns for {n} rows; give one label for each row")
    return checked
