"""The section [cost] of goldloop.toml: what errors and the time of annotators cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from goldloop.core.labels import normalised
from goldloop.settings.sections import Section


class ErrorCost(Section):
    """What an error costs: `plus`, and `factor` times the stake of the sample."""

    plus: Annotated[float, Field(ge=0)] = 0.0
    factor: Annotated[float, Field(ge=0)] = 0.0


NO_COST = ErrorCost()

_Errors = dict[str, dict[str, float | ErrorCost]]


class CostSettings(Section):
    """Prices of errors and of annotators' time; the cost policy and the reports use them."""

    currency: Annotated[str, Field(min_length=1, max_length=8)] = "EUR"
    """Currency printed with every amount."""
    minute: Annotated[float, Field(ge=0)] = 0.50
    """Price of one minute of an annotator's time."""
    error: Annotated[float, Field(ge=0)] = 2.0
    """Cost of a wrong label, unless errors gives another cost for the pair of labels."""
    errors: _Errors = Field(default_factory=dict)
    """Cost of each confusion: the outer key is the true label, the inner key the label taken instead; an
    amount, or for records {plus = 15, factor = 1.0}: an amount plus a factor of the stake."""
    quick_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds of a quick review, used until goldloop has measured it."""
    full_s: Annotated[float, Field(gt=0)] = 90.0
    """Seconds of a full review, all answers together, used until goldloop has measured it."""
    quick_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Accuracy of a quick review, used until goldloop has measured it."""
    full_accuracy: Annotated[float, Field(gt=0, le=1)] = 0.99
    """Accuracy of a full review, used until goldloop has measured it."""

    @field_validator("errors")
    @classmethod
    def _normalised_labels(cls, errors: _Errors) -> _Errors:
        return {
            normalised(true): {normalised(taken): cost for taken, cost in row.items()}
            for true, row in errors.items()
        }

    def of_error(self, true: str, taken: str) -> ErrorCost:
        """Return what it costs to take a sample of the label `true` for `taken`."""
        if true == taken:
            return NO_COST
        cost = self.errors.get(true, {}).get(taken, self.error)
        return cost if isinstance(cost, ErrorCost) else ErrorCost(plus=cost)
