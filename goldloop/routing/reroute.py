"""Rerouting: which samples change lane under a new policy, without asking the model again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldloop.core.lanes import Lane
from goldloop.core.predictions import Prediction
from goldloop.core.probs import restored
from goldloop.routing.policies import Policy


@dataclass(frozen=True, slots=True)
class LaneChange:
    """A prediction and the lane that it has under the new policy."""

    prediction: Prediction
    lane: Lane

    def __str__(self) -> str:
        """Return for example 'auto -> review'."""
        return f"{self.prediction.lane} -> {self.lane}"


def reroute(predictions: Sequence[Prediction], policy: Policy) -> list[LaneChange]:
    """Return the predictions whose lane differs under `policy`, in the order given.

    The predictions must come from one model, so that their rows of probabilities have one length.
    """
    if not predictions:
        return []
    lanes = policy.lanes(restored([prediction.probs or () for prediction in predictions])).tolist()
    return [
        LaneChange(prediction, Lane(lane))
        for prediction, lane in zip(predictions, lanes, strict=True)
        if lane != prediction.lane
    ]
