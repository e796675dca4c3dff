"""Lanes: the places where a scored sample can go; each sample is in exactly one of them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Lane(StrEnum):
    """Where a scored sample goes. The order of the members is the order in every table, plot and sum.

    `REVIEW` is a quick review: one annotator, who sees the suggestion. `FULL` is a full review: blind answers
    of several annotators and, where they disagree, an adjudicator. In `HOLD` a sample waits.
    """

    AUTO = "auto"
    REVIEW = "review"
    FULL = "full"
    HOLD = "hold"


def listed_lanes(counts: Mapping[str, float]) -> tuple[Lane, ...]:
    """Return the lanes that a text about `counts` (by lane) names: all, `FULL` only where it holds any.

    Only some policies send samples to full review, so elsewhere its zero would be noise.
    """
    return tuple(lane for lane in Lane if lane is not Lane.FULL or counts.get(lane))


def lane_shares(counts: Mapping[str, int]) -> dict[Lane, float]:
    """Return the share of each lane in `counts` (samples by lane); empty when there are no samples."""
    total = sum(counts.get(lane, 0) for lane in Lane)
    return {lane: counts.get(lane, 0) / total for lane in Lane} if total else {}
