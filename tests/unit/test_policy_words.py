"""What pages say that a policy does: true of the lanes it gives."""

from __future__ import annotations

import pytest

from goldloop.core.lanes import Lane
from goldloop.routing.policies import Band, Policy, Risk, Supported, Suspended, Target, route
from goldloop.routing.policy_words import policy_words

PROBS = [[0.3, 0.7], [0.9, 0.1], [0.99, 0.01]]


@pytest.mark.parametrize(
    ("policy", "lanes", "words"),
    [
        (Band(0.75, 0.95), "hold review auto", "75 % to 95 % sure, and it is accepted where it is surer"),
        (Band(0.75, 0.95), "hold review auto", "where it is less sure, samples wait"),
        (Band(0.75, 0.95, below=Lane.FULL), "full review auto", "where it is less sure, the lane is full"),
        (
            Band(0, 0.8, highs=(0.8, 0.6), labels=("ham", "spam")),
            "auto auto auto",
            "0 % to 80 %, 60 % for spam sure",
        ),
        (Target(0.95, 0.1, 0.8), "review auto auto", "accepted where it is at least 80 % sure"),
        (Target(0.95, 0.1, None), "review review review", "annotators check everything"),
        (Risk(0.05, 0.2, 0.9, ("fine", "fraud")), "full review auto", "accepted as fine below a risk of 5 %"),
        (Supported(Band(0, 0.8), 0.95), "review review auto", "accepting what is at least 95 % sure"),
        (Supported(Band(0, 0.8), None), "review review review", "audits support accepting nothing yet"),
        (Suspended(Band(0, 0.8)), "review review review", "suspended: annotators check what it would accept"),
    ],
)
def test_words_name_what_the_lanes_do(policy: Policy, lanes: str, words: str) -> None:
    """The lanes of three samples, the least sure first, agree with the sentence."""
    assert words in policy_words(policy)
    assert " ".join(map(str, route(PROBS, policy))) == lanes
