"""Tokens: what the encoders of sentences take of a text. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def tokenizer_of(path: Path, size: int) -> Any:
    """Return what makes tokens of texts by the file `path`, and cuts off those beyond `size`.

    Signs such as [SEP] in a text are text, and mean nothing to the network.

    Raises:
        ImportError: the package is not installed.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(size)
    tokenizer.encode_special_tokens = True
    return tokenizer
