"""The chosen preset: which one goldloop took for pictures whose user named none, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

AUTO = "auto"
"""The setting `model.preset` that leaves the choice to goldloop."""

CANDIDATES = ("tiny", "efficientnet_lite0")
"""The presets among which goldloop chooses."""


@dataclass(frozen=True, slots=True)
class PresetChoice:
    """A preset and the pictures that it was chosen from.

    `n_pictures` were drawn at random; `shorter_px` and `longer_px` are the medians of their sides before any
    resizing; `is_colour` tells whether most of them are in colour. `licence` is that of the weights which the
    preset begins with, None where it has none.
    """

    preset: str
    n_pictures: int
    shorter_px: int
    longer_px: int
    is_colour: bool
    licence: str | None = None

    def __str__(self) -> str:
        """Return such as 'tiny, chosen from 200 pictures: median 8 x 8 px, grey; trained from nothing'."""
        pictures = "1 picture" if self.n_pictures == 1 else f"{self.n_pictures} pictures"
        size = f"{self.shorter_px} x {self.longer_px} px"
        colour = "colour" if self.is_colour else "grey"
        return (
            f"{self.preset}, chosen from {pictures}: median {size}, {colour}; {weights_words(self.licence)}"
        )


@dataclass(frozen=True, slots=True)
class PresetComparison:
    """How much more accurate heads of `other` are than those of `preset` on labels that neither learned.

    `difference` is a share of `n` samples, `low` and `high` are its 95 % interval.
    """

    preset: str
    other: str
    n: int
    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the other preset is better by evidence."""
        return self.low > 0

    @property
    def advice(self) -> str:
        """The difference in points, where the other preset is better, and how to change the preset."""
        points = "{:+.1f} points [{:+.1f}, {:+.1f}]".format(
            *(100 * share for share in (self.difference, self.low, self.high))
        )
        return (
            f"{self.other} labels more samples right than {self.preset}: {points}, cross-validated on "
            f'{self.n} train samples. To change, set `preset = "{self.other}"` in [model] of goldloop.toml; '
            "the next `goldloop retrain` trains such a challenger, and the gate decides"
        )


def weights_words(licence: str | None) -> str:
    """Return in words under which licence a preset's published weights are; None: it has none."""
    return f"licence of its weights: {licence}" if licence else "trained from nothing"


class PresetRecord(Protocol):
    """Keeps the choice of a workspace, which is made once."""

    def read(self) -> PresetChoice | None:
        """Return the choice; None before it is made."""

    def save(self, choice: PresetChoice) -> PresetChoice:
        """Keep a first choice; return the one that counts, an earlier one where there is one."""

    def read_comparison(self) -> PresetComparison | None:
        """Return how the choice did on labels; None before it was compared."""

    def save_comparison(self, comparison: PresetComparison) -> None:
        """Keep how the choice did on labels."""
