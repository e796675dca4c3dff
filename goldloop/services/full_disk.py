"""Whether a server failed because its disk is full: by its words, or by the space that is left."""

from __future__ import annotations

import shutil
from pathlib import Path

_WORDS = (
    *("disk is full", "disk full", "no space left", "enospc", "disk quota exceeded", "errno 28"),
    *("could not extend file", "sqlite_full"),
)
_LEAST_BYTES = 32 * 1024**2  # a server needs a few MB for its journal to write anything at all
_folders: dict[str, Path] = {}  # where the embedded servers of this process's workspaces keep their data


def remember(url: str, folder: Path) -> None:
    """Note that the server at `url` keeps its data in `folder`."""
    _folders[url] = folder


def full_disk_under(url: str, said: str) -> str | None:
    """Return what to do if the disk of the server at `url`, which `said` something, is full; else None.

    A server that cannot write often answers with a page without a reason, or ends; so the space that is left
    counts too, where the server runs on this machine.
    """
    folder = next((folder for known, folder in _folders.items() if url.startswith(known)), None)
    if folder is not None and (full := full_disk(folder)):
        return full
    if any(word in said.lower() for word in _WORDS):
        return "the disk of the server is full: free space there, then run this again"
    return None


def full_disk(folder: Path) -> str | None:
    """Return what to do about the disk of `folder` if it is full; None if it is not."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:  # there is no such folder yet
        return None
    if free >= _LEAST_BYTES:
        return None
    return (
        f"the disk of {folder} is full ({free / 1e6:.1f} MB are free): free space there, then run "
        "`goldloop up` and this again"
    )
