"""Features of frozen networks, before distances between them are taken."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Rows = TypeVar("Rows", npt.NDArray[np.float32], npt.NDArray[np.float64])


def signed_roots(features: Rows) -> Rows:
    """Return the square roots of `features`, of negative ones those of their size with a minus.

    A few large features no longer drown the others [perronnin2010].

    >>> signed_roots(np.array([4.0, 0.0, -9.0])).tolist()
    [2.0, 0.0, -3.0]
    """
    roots: Rows = np.sign(features) * np.sqrt(np.abs(features))
    return roots
