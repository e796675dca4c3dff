"""How a picture gets from the content store into an annotator's browser."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from goldloop.core.tasks import NewTask

ImageUrl = Callable[[str], str]
"""From a path relative to the content store to what a task's `image` field holds."""

TaskData = Callable[[NewTask, ImageUrl], Mapping[str, str]]
"""From a task to its fields that hold the sample; `goldloop.core.modality.Modality.task_data` is one."""


def image_data(task: NewTask, image_url: ImageUrl) -> Mapping[str, str]:
    """Return the fields of a task about a picture."""
    return {"image": image_url(task.path)}


TINY_PX = 128  # below this a picture is enlarged so much that blurring it hides what little there is
_LOOKED_AT = 32  # files


def local_image_urls(folder: str = "images") -> ImageUrl:
    """Return the url-maker for a content store that Label Studio serves from its own disk.

    `folder` is the content store's path relative to LOCAL_FILES_DOCUMENT_ROOT. Label Studio serves only
    folders below that root, never the root itself, so it is at least one name. Elsewhere an s3:// uri
    would stand in the task instead; a function from path to such a uri is all that takes.
    """
    prefix = quote(folder.strip("/"))
    return lambda path: f"/data/local-files/?d={prefix}/{quote(path)}"


def are_tiny(store: Path) -> bool:
    """Return whether the pictures in `store` are so small that enlarging must keep their pixels.

    Looks at the first few files; an empty store is not tiny.
    """
    sizes = []
    for path in islice(_files(store), _LOOKED_AT):
        try:
            with Image.open(path) as image:
                sizes.append(max(image.size))
        except (OSError, Image.DecompressionBombError):
            continue
    return bool(sizes) and max(sizes) <= TINY_PX


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(where) / name for name in sorted(names)]
        if len(found) >= _LOOKED_AT:
            break
    return found
