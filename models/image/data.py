"""Training data: decoded pictures by row, kept in memory where they fit, and their augmentation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from goldloop.core.samples import Decoded, SampleId
from models.image.backbone import checked_picture
from models.image.presets import Preset
from models.training import Example

CACHE_BYTES = 2 * 2**30
"""Decoded pictures up to this size stay in memory; larger sets are decoded again in every epoch."""

_THUMBNAIL = 8
_MIRROR_SAMPLES = 2000
_MIRROR_MIN_SAMPLES = 30


class Pictures:
    """The decoded pictures of `examples`, loaded when first asked for."""

    def __init__(
        self, examples: Sequence[Example], load: Callable[[SampleId], Decoded], *, size: int
    ) -> None:
        ids = [sample_id for sample_id, _ in examples]
        self.columns = np.array([column for _, column in examples], dtype=np.int64)

        def decoded(row: int) -> npt.NDArray[np.uint8]:
            return checked_picture(load(ids[row]).payload, name=f"sample {ids[row]}", size=size)

        is_small = len(ids) * size * size * 3 <= CACHE_BYTES
        self._decoded: Callable[[int], npt.NDArray[np.uint8]] = cache(decoded) if is_small else decoded

    def __len__(self) -> int:
        return len(self.columns)

    def rows(self, rows: npt.NDArray[np.int64]) -> Tensor:
        """Return the pictures at `rows`, uint8 (n, size, size, 3)."""
        return torch.from_numpy(np.stack([self._decoded(row) for row in rows.tolist()]))


def augmented(pictures: Tensor, preset: Preset, *, is_mirrored: bool, generator: torch.Generator) -> Tensor:
    """Return normalised `pictures` (n, 3, size, size), each moved a little by its own draw from `generator`.

    Brightness and contrast change too; with `is_mirrored` about half of them become their mirror images.
    """
    n = len(pictures)

    def draw(*shape: int) -> Tensor:
        return (torch.rand(n, *shape, generator=generator) * 2 - 1).to(pictures.device)

    angle = draw() * math.radians(preset.rotation)
    zoom = torch.exp(draw() * preset.scale)
    side = torch.where(draw() < 0, -1.0, 1.0) if is_mirrored else torch.ones_like(angle)
    move = draw(2) * 2 * preset.shift
    matrix = torch.stack(
        [
            torch.stack([zoom * side * angle.cos(), -zoom * angle.sin(), move[:, 0]], dim=1),
            torch.stack([zoom * side * angle.sin(), zoom * angle.cos(), move[:, 1]], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    contrast, brightness = 1 + 0.2 * draw(1, 1, 1), 0.2 * draw(1, 1, 1)
    return (moved * contrast + brightness).contiguous(memory_format=torch.channels_last)


def is_mirror_safe(pictures: Pictures) -> bool:
    """Return whether a mirrored picture still tells its label as well as the picture itself.

    Each picture and its mirror image are labelled by their nearest other picture (8 x 8 grey thumbnails).
    Where the mirror images do worse than chance explains (McNemar, 1.5 standard deviations), mirroring
    changes meaning, as it does for digits and letters. Under 30 pictures nothing is mirrored.
    """
    n = min(len(pictures), _MIRROR_SAMPLES)
    if n < _MIRROR_MIN_SAMPLES:
        return False
    rows = np.linspace(0, len(pictures) - 1, n).astype(np.int64)
    thumbnails = torch.cat(
        [_thumbnails(pictures.rows(part)) for part in np.array_split(rows, math.ceil(n / 256))]
    )
    columns = pictures.columns[rows]

    def is_right(queries: Tensor) -> npt.NDArray[np.bool_]:
        distance = torch.cdist(
            queries.flatten(1), thumbnails.flatten(1), compute_mode="donot_use_mm_for_euclid_dist"
        )
        distance.fill_diagonal_(torch.inf)
        return np.asarray(columns[distance.argmin(dim=1).numpy()] == columns)

    plain, mirrored = is_right(thumbnails), is_right(thumbnails.flip(2))
    lost, won = int((plain & ~mirrored).sum()), int((mirrored & ~plain).sum())
    return lost - won <= 1.5 * math.sqrt(lost + won)


def _thumbnails(pictures: Tensor) -> Tensor:
    grey = pictures.float().mean(dim=3, keepdim=True).permute(0, 3, 1, 2)
    small = functional.interpolate(grey, size=(_THUMBNAIL, _THUMBNAIL), mode="area").squeeze(1)
    return (small - small.mean(dim=(1, 2), keepdim=True)) / (small.std(dim=(1, 2), keepdim=True) + 1)
