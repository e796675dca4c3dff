"""The kinds of samples there are, each opened where a workspace keeps its content."""

from __future__ import annotations

from pathlib import Path

from goldloop.core.modality import Modality


def open_modality(kind: str, root: Path, *, size: int) -> Modality:
    """Return the samples of `kind`, a setting, in the workspace folder `root`.

    `size` is what the model takes: the side of a picture in pixels; texts have none.
    """
    if kind == "image":
        from goldloop.modalities.image.modality import ImageModality

        return ImageModality(root / "images", size=size)
    from goldloop.modalities.text.modality import TextModality

    return TextModality(root / "texts.sqlite")
