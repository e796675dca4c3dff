"""Checks of the inputs of calibration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import EmptyPoolError, InvalidProbabilitiesError, LabelError
from goldloop.stats.metrics import Columns, checked_columns

Matrix = npt.NDArray[np.float64]


def checked_matrix(values: npt.ArrayLike, what: str) -> Matrix:
    """Return `values` as finite float64 (n, at least 2 labels); error messages call them `what`.

    Raises:
        InvalidProbabilitiesError: the shape is wrong, or a row is not finite; names the first.
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
        EmptyPoolError: `matrix` has no rows.
        LabelError: a column is outside the label set, or their number is not that of the rows.
    """
    n, n_labels = matrix.shape
    if n == 0:
        raise EmptyPoolError(
            "cannot calibrate with 0 samples; label some audit samples, then run `goldloop pull`"
        )
    checked = checked_columns(columns, n_labels=n_labels)
    if checked.shape != (n,):
        raise LabelError(f"there are {len(checked)} columns for {n} rows; pass one label for each row")
    return checked
