"""The let-through group: samples that a policy would stop or review, let pass at random to measure it.

What is stopped is never charged back, so nobody learns whether it would have been fraud. A few are let pass,
the dear ones more seldom, and each counts for 1 / its probability [horvitz1952].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.chance import permanent_random
from goldloop.core.lanes import Lane
from goldloop.core.samples import SampleId
from goldloop.stats.metrics import Floats

PASSED = 0
"""Column of the label that lets a sample pass: the first one."""


@dataclass(frozen=True, slots=True)
class LetThrough:
    """The draw of the group: a sample of the `typical` stake or less passes with the probability `rate`."""

    rate: float
    typical: float
    seed: int

    def probabilities(self, stakes: npt.ArrayLike) -> Floats:
        """Return with which probability (n,) these stakes pass: rate * min(1, typical / stake)."""
        at_stake = np.maximum(np.asarray(stakes, dtype=np.float64), self.typical)
        return np.asarray(self.rate * self.typical / at_stake)

    def drawn(
        self,
        sample_ids: Sequence[SampleId],
        lanes: Sequence[Lane],
        decided: npt.NDArray[np.intp],
        stakes: npt.ArrayLike,
    ) -> list[float | None]:
        """Return the probability of each sample that is let through, and None for all others.

        A policy stops what it accepts under another label than the first, and reviews what goes to people.
        """
        found: list[float | None] = []
        for sample_id, lane, column, chance in zip(
            sample_ids, lanes, decided.tolist(), self.probabilities(stakes).tolist(), strict=True
        ):
            is_held = lane in (Lane.REVIEW, Lane.FULL) or (lane is Lane.AUTO and column != PASSED)
            is_drawn = is_held and permanent_random(sample_id, self.seed, "let through") < chance
            found.append(chance if is_drawn else None)
        return found
