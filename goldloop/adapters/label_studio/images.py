"""Image URLs: the browser of an annotator loads images of the content store from them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from goldloop.core.tasks import NewTask

ImageUrl = Callable[[str], str]
"""Returns the `image` field of a task for a path relative to the content store."""

TaskData = Callable[[NewTask, ImageUrl], Mapping[str, str]]
"""Returns the fields of a task that hold its sample, such as `goldloop.core.modality.Modality.task_data`."""


def image_data(task: NewTask, image_url: ImageUrl) -> Mapping[str, str]:
    """Return the fields of a task about an image."""
    return {"image": image_url(task.path)}


TINY_PX = 128  # the page enlarges smaller images so far that smoothing would hide their details
_SAMPLE_FILES = 32


def local_image_urls(folder: str = "images") -> ImageUrl:
    """Return the image URLs for a content store that Label Studio serves from its own disk.

    `folder` is the content store's path relative to LOCAL_FILES_DOCUMENT_ROOT. Label Studio serves only
    folders below that root, never the root itself, so `folder` has at least one name. For a content store on
    S3, another function would return an s3:// URI for each path.
    """
    prefix = quote(folder.strip("/"))
    return lambda path: f"/data/local-files/?d={prefix}/{quote(path)}"


def are_tiny(store: Path) -> bool:
    """Return whether the images in `store` are so small that the page must enlarge them without smoothing.

    It reads the first few files; the images of an empty store are not tiny.
    """
    sizes = []
    for path in islice(_files(store), _SAMPLE_FILES):
        try:
            with Image.open(path) as image:
                sizes.append(max(image.size))
        except (OSError, Image.DecompressionBombError):
            continue
    return bool(sizes) and max(sizes) <= TINY_PX


def _files(folder: Path) -> list[Path]:
    files: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        files += [Path(parent) / name for name in sorted(names)]
        if len(files) >= _SAMPLE_FILES:
            break
    return files
