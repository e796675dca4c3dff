"""The kinds of samples there are, each opened where a workspace keeps its content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from goldloop.core.modality import Modality


def _images(root: Path, size: int) -> Modality:
    from goldloop.modalities.image import ImageModality

    return ImageModality.at(root / "images", size=size)


def _texts(root: Path, size: int) -> Modality:
    from goldloop.modalities.text import TextModality

    return TextModality.at(root / "texts.sqlite")


KINDS: Mapping[str, Callable[[Path, int], Modality]] = {"image": _images, "text": _texts}
"""From the setting `kind` to a function of workspace folder and model input size."""


def open_modality(kind: str, root: Path, *, size: int) -> Modality:
    """Return the samples of `kind` in the workspace folder `root`.

    `size` is what the model takes: the side of a picture in pixels; texts have none.
    """
    return KINDS[kind](root, size)
