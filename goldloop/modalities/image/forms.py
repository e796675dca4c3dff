"""The square of pixels that a model takes. Imports no image library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Form:
    """The pixels that a model takes: a square of `size`, into which `fit` brings a picture.

    "pad" shows all of the picture. "crop" fills the square with the middle of the picture and cuts off what
    is left of its longer side, up to a third of it.
    """

    size: int
    fit: Literal["pad", "crop"] = "pad"
