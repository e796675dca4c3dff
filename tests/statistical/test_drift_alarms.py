"""The drift check stays silent while nothing changes, and sees what does."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.bench.guarantees.drift import simulated_world, year
from tests.statistical.promises import at_least, at_most

pytestmark = pytest.mark.statistical


def test_false_alarms_are_rare_and_changes_are_seen() -> None:
    """At most two false alarms in 90 % of years; a broken camera and a more frequent label are seen."""
    seen: dict[str, list[bool]] = {"dark": [], "share x 3": []}
    alarms = np.array([year(simulated_world(0), 300, (1, number), seen) for number in range(40)])

    assert at_most(alarms > 2, 0.10)
    assert alarms.mean() <= 1.0
    for flags in seen.values():
        assert at_least(flags, 0.90)
