"""The choice of a preset from pictures, and the licence of each preset's weights. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from goldloop.core.presets import AUTO, PresetChoice, PresetComparison, weights_words
from goldloop.core.samples import FileRef
from models import kinds
from models.image.presets import PRESETS, TORCHVISION

SMALL_PX = PRESETS["tiny"].size
"""Shorter side in pixels up to which `tiny` sees all of a picture."""

LICENCES: Mapping[str, str] = {
    **kinds.LICENCES,
    **{name: TORCHVISION for name, preset in PRESETS.items() if preset.finetune_learning_rate is not None},
}
"""Licence of the published weights of each preset that has some."""


def preset_for(shorter_px: int, *, is_colour: bool) -> str:
    """Return the preset that suits pictures of this median size.

    Small grey pictures are taken for digits, letters and the like, where 200 labels gave `tiny` 99 % and
    `efficientnet_lite0` 89 %. Photographs gave 38 % and 69 % even at 32 x 32 px, and 36 % and 62 % in grey.
    """
    return "tiny" if shorter_px <= SMALL_PX and not is_colour else "efficientnet_lite0"


def choose_preset(files: Iterable[FileRef], *, seed: int) -> PresetChoice | None:
    """Return the preset that suits a random draw of `files`; None where no picture of it can be read."""
    from goldloop.modalities.image.survey import survey_of

    survey = survey_of(files, seed=seed)
    if survey is None:
        return None
    preset = preset_for(survey.shorter_px, is_colour=survey.is_colour)
    return PresetChoice(
        preset,
        survey.n_pictures,
        survey.shorter_px,
        survey.longer_px,
        is_colour=survey.is_colour,
        licence=LICENCES.get(preset),
    )


def preset_sentence(
    configured: str, choice: PresetChoice | None, comparison: PresetComparison | None = None
) -> str:
    """Return the preset in words: `configured` in goldloop.toml, or the `choice` of goldloop.

    A `comparison` on labels is part of it where it speaks clearly for another preset.
    """
    if configured != AUTO:
        return f"{configured}, set in goldloop.toml; {weights_words(LICENCES.get(configured))}"
    if choice is None:
        return "chosen when the first pictures are scored"
    return f"{choice}; {comparison.advice}" if comparison is not None and comparison.is_clear else str(choice)
