"""Settings of the model: what is trained, and when it becomes champion."""

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
    """Which classifier is trained."""

    preset: Annotated[
        Literal["tiny", "resnet18", "convnext_tiny", "ngrams"],
        Field(description="Images: tiny (up to 64 px), resnet18 or convnext_tiny (224 px). Texts: ngrams."),
    ] = "tiny"
    weights: Annotated[
        Literal["auto", "pretrained", "scratch"],
        Field(
            description="Images. auto: pretrained weights where they can be had, else scratch and a warning."
        ),
    ] = "auto"
    seed: Annotated[int, Field(ge=0, description="Seed of training.")] = 0
    epochs: Annotated[
        int | None, Field(ge=1, description="Images. Training epochs; unset: the preset's own.")
    ] = None


class GateSettings(Section):
    """When a challenger becomes champion."""

    rule: Annotated[
        Literal["non_inferiority", "superiority"],
        Field(
            description="non_inferiority: no worse than by the margin, by evidence; superiority: better, by "
            "evidence."
        ),
    ] = "non_inferiority"

    margin: Annotated[
        float,
        Field(
            ge=0,
            le=0.5,
            description="Largest loss of accuracy the interval of the paired difference may still admit.",
        ),
    ] = 0.03
    min_holdout: Annotated[int, Field(ge=1, description="Fewest holdout samples a decision may rest on.")] = (
        30
    )
    max_class_fall: Annotated[
        float,
        Field(gt=0, le=1, description="Largest fall of one label's recall that is put up with, by evidence."),
    ] = 0.10
    max_ece: Annotated[
        float,
        Field(gt=0, le=1, description="Largest calibration error that is put up with, by evidence."),
    ] = 0.10
