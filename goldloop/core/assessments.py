"""Assessments: what a model and a policy say of a sample, for annotators who do not answer blind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

N_REASONS = 6
"""Reasons that annotators see, the strongest ones."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What annotators see of a prediction, kept with the plan of their task.

    `risk` is the probability that the label is not the first one. `costs` are the expected costs of the
    actions by name, in `currency`, empty where no cost policy decided. `reasons` hold by field of the model
    what it adds to the log-odds of the risk, strongest first; empty where the model gives none.
    """

    risk: float
    costs: Mapping[str, float] = field(default_factory=dict)
    currency: str = ""
    reasons: Mapping[str, float] = field(default_factory=dict)

    @property
    def cheapest(self) -> str | None:
        """The action that is expected to cost least, the first of equal ones; None without costs."""
        return min(self.costs, key=self.costs.__getitem__, default=None)
