"""Published weights: a file of an installed package, or a download that is checked before it is used."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from pathlib import Path

import torch

from goldloop.core.errors import ModelError

TIMEOUT_S = 15


def cannot_be_had(preset: str, reason: object, remedy: str, others: str) -> ModelError:
    """Return the error for weights that are missing: which preset, why, and every way on."""
    return ModelError(
        f"the weights of preset {preset!r} cannot be had: {reason}. {remedy}, or set `preset` in [model] of "
        f"goldloop.toml to {others}"
    )


def cached(url: str, folder: str = "") -> Path:
    """Return where torch's cache holds what is at `url`, in a `folder` of it."""
    return Path(torch.hub.get_dir()) / "checkpoints" / folder / url.rsplit("/", 1)[-1]


def download(url: str, sha256: str, path: Path) -> None:
    """Download weights to `path`, with a timeout that torch lacks; what is cut or damaged never gets there.

    `sha256` is the digest of the file, or as much of its beginning as is published.

    Raises:
        OSError: there is no connection, or no room.
        ValueError: what came has another digest.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, beside.open("wb") as file:
            shutil.copyfileobj(answer, file)
        check_digest(beside, sha256, next_step="run the command again")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def check_digest(path: Path, sha256: str, *, next_step: str = "delete it") -> None:
    """Check that the SHA-256 of a file begins with `sha256`; raises ValueError where it does not."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(sha256):
        raise ValueError(
            f"{path} is damaged: SHA-256 {digest[:8]} where {sha256[:8]} was expected; {next_step}"
        )
