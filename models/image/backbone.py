"""The backbone of pictures: from decoded pictures to features. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from goldloop.core.errors import ModelError
from models.image.presets import FrozenImagePreset
from models.session import Runtime

MINIBATCH = 4  # pictures a thread computes at a time


def checked_picture(payload: object, *, name: str, size: int) -> npt.NDArray[np.uint8]:
    """Return `payload` as uint8 (size, size, 3); raises ModelError where it is something else."""
    picture, shape = np.asarray(payload), (size, size, 3)
    if picture.shape != shape or picture.dtype != np.uint8:
        raise ModelError(
            f"{name} is {picture.dtype} {picture.shape}, this preset takes uint8 {shape}; read the images "
            "with the preset's size"
        )
    return picture


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network from pictures to features. Satisfies `goldloop.core.ports.Backbone`."""

    preset: FrozenImagePreset
    runtime: Runtime

    def features(self, payloads: Sequence[Any]) -> npt.NDArray[np.float16]:
        """Return the features of decoded pictures, (n, n_features), the same in any minibatch.

        Raises:
            ModelError: a payload is no uint8 (size, size, 3).
        """
        size = self.preset.form.size
        pictures = [
            checked_picture(payload, name=f"payload {row}", size=size) for row, payload in enumerate(payloads)
        ]
        if not pictures:
            return np.empty((0, self.preset.n_features), dtype=np.float16)
        parts = [pictures[start : start + MINIBATCH] for start in range(0, len(pictures), MINIBATCH)]
        return np.concatenate(self.runtime(map(np.stack, parts))).astype(np.float16)
