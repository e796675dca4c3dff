"""Prices: what a wrong label and a minute of an annotator cost, as arrays over the label set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.routing.fit import error_costs
from goldloop.settings.sections import CostSettings


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in `currency`: of a `minute` of an annotator, and of each error.

    `errors` (n_labels, n_labels): rows the true label, columns what it is taken for; the diagonal is 0.
    """

    currency: str
    minute: float
    errors: npt.NDArray[np.float64]

    @property
    def error(self) -> float:
        """Mean price of an error over all pairs of labels."""
        n = len(self.errors)
        return float(self.errors.sum() / (n * (n - 1)))


def prices(settings: CostSettings, labels: LabelSet) -> Prices:
    """Return the prices of `settings`; pairs of labels without a price of their own cost its `error`."""
    return Prices(settings.currency, settings.minute, np.asarray(error_costs(settings, labels)))
