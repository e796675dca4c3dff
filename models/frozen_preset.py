"""What every published backbone has that is not trained, whatever it reads. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPreset:
    """A published backbone that is not trained; only a linear head on its features is.

    It takes samples of `size` (pixels of a side, or tokens), to which `fit` brings larger ones, and gives
    `n_features`. Its weights, under `licence`, are a file of the installed `package`, or are downloaded from
    `url`. `weights_sha256` is the digest of the file, or as much of its beginning as its makers publish.
    `roots` tells whether heads take signed roots of the features.
    """

    name: str
    size: int
    fit: str
    n_features: int
    package: str | None = None
    url: str | None = None
    roots: bool = True
    licence: str
    weights_sha256: str

    @property
    def key(self) -> str:
        """A name that features have in common if, and only if, they can be compared."""
        return f"{self.name}-{self.size}-{self.fit}-{self.weights_sha256[:16]}"
