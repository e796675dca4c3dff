"""Lanes: routing sends each scored sample to exactly one."""

from __future__ import annotations

from enum import StrEnum


class Lane(StrEnum):
    """Where a scored sample goes.

    `AUTO`: the model's label is accepted. `REVIEW`, a quick review: one annotator sees the suggestion.
    `FULL`, a full review: several annotators answer blind and, if they differ, an adjudicator decides.
    `HOLD`: the sample waits.
    """

    AUTO = "auto"
    REVIEW = "review"
    FULL = "full"
    HOLD = "hold"
