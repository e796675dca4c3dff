"""Lanes: the places a scored sample can go to, exactly one each."""

from __future__ import annotations

from enum import StrEnum


class Lane(StrEnum):
    """Where a scored sample goes: machine label, one person, several people, or nobody yet.

    `REVIEW` is a quick review: one person, who is shown the suggestion. `FULL` is a full review: blind answers
    of several people and, where they differ, an adjudicator.
    """

    AUTO = "auto"
    REVIEW = "review"
    FULL = "full"
    HOLD = "hold"
