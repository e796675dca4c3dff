"""A 64-bit perceptual hash: nearly equal for near-duplicates, far apart for different pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

_SIDE = 32
_KEPT = 9
_FLAT = 1e-6
"""Coefficients up to this count as 0, in grey levels times 32, so that flat pictures set no bit."""


def _cosines() -> npt.NDArray[np.float64]:
    """Return the first rows of the orthonormal DCT-II matrix, shape (_KEPT, _SIDE)."""
    frequency, position = np.arange(_KEPT)[:, None], np.arange(_SIDE)[None, :]
    rows = np.sqrt(2 / _SIDE) * np.cos(np.pi * (2 * position + 1) * frequency / (2 * _SIDE))
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float64)


_COSINES = _cosines()


def fingerprint_of(rgb: Image.Image) -> str:
    """Return the signs of the 64 lowest frequencies of the grey picture (DCT), as 16 hex digits.

    Chosen over gradient hashes (dHash), which put 37 % of scikit-learn's 8 x 8 digits within 2 bits of a
    *different* digit picture, this one .1 %; see tests/unit/test_image_fingerprint.py.
    """
    grey = np.asarray(rgb.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), dtype=np.float64)
    spectrum = (_COSINES @ grey @ _COSINES.T).ravel()[1:65]
    return np.packbits(spectrum > _FLAT).tobytes().hex()
