"""Regimes: which rounds' traffic looks like that to come, and may serve a new model for comparison.

A model is compared with what it saw itself, but a new one has seen nothing. It is shown the holdout, a random
draw of all traffic; of that, only rounds count that no lasting change has made obsolete. Otherwise every new
model would raise the alarm over what the one before it had already reported.
"""

from __future__ import annotations

from collections.abc import Collection

MOST_ROUNDS = 12
"""Newest rounds that count: a slow change that nobody has to hear of every week makes older ones obsolete."""


def rounds_that_count(drifted: Collection[int], *, last: int) -> list[int]:
    """Return the rounds up to `last` with which a new model's traffic is compared, oldest first.

    `drifted` are the rounds with an alarm. One by itself does not count, as after a week with a broken camera
    comes what came before it. Two in a row say that the change is here to stay: then they count with what
    follows, and nothing before them.
    """
    odd = set(drifted)
    stays = [number for number in odd if number + 1 in odd]
    since = max(stays, default=0)
    counting = [
        number
        for number in range(since, last + 1)
        if number not in odd or number in stays or number - 1 in stays
    ]
    return counting[-MOST_ROUNDS:]
