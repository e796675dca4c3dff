"""Settings of the model: what goldloop trains, and when a challenger becomes champion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from goldloop.settings.section import Section

PRESETS: Mapping[str, tuple[str, ...]] = {
    "image": ("tiny", "resnet18", "convnext_tiny"),
    "text": ("ngrams",),
}
"""Presets of each kind of samples, the default first."""


class ModelSettings(Section):
    """Which classifier goldloop trains."""

    preset: Annotated[
        Literal["tiny", "resnet18", "convnext_tiny", "ngrams"],
        Field(description="Images: tiny (up to 64 px), resnet18 or convnext_tiny (224 px). Texts: ngrams."),
    ] = "tiny"
    weights: Annotated[
        Literal["auto", "pretrained", "scratch"],
        Field(
            description="Initial weights. auto: pretrained weights if a download works, otherwise "
            "random weights and a message; pretrained: fail without them; scratch: random "
            "weights."
        ),
    ] = "auto"
    seed: Annotated[int, Field(ge=0, description="Seed of training.")] = 0
    epochs: Annotated[
        int | None, Field(ge=1, description="Training epochs; unset: the default of the preset.")
    ] = None


class GateSettings(Section):
    """When a challenger becomes champion."""

    rule: Annotated[
        Literal["non_inferiority", "superiority"],
        Field(
            description="Condition for promotion. non_inferiority: the interval rules out a loss "
            "beyond margin; superiority: the interval rules out any loss."
        ),
    ] = "non_inferiority"

    margin: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="Largest drop of accuracy that the 95 % interval of the difference may still allow.",
        ),
    ] = 0.03
    min_holdout: Annotated[
        int, Field(ge=1, description="Smallest number of holdout samples for a decision.")
    ] = 30
    max_class_fall: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Largest tolerated fall of the recall of one label; the gate refuses when the "
            "interval lies beyond it.",
        ),
    ] = 0.10
    max_ece: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Largest tolerated calibration error; the gate refuses when the whole "
            "interval lies above it.",
        ),
    ] = 0.10
