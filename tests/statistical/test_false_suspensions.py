"""The guard, asked every week, rarely suspends a good policy and soon suspends a bad one."""

from __future__ import annotations

import numpy as np
import pytest

from goldloop.audit.guard import FALSE_SUSPENSION
from scripts.bench.guarantees.guard import ALLOWED, WEEKS, weeks_until_suspended, wrong_counts
from tests.statistical.promises import at_least, at_most

pytestmark = pytest.mark.statistical


@pytest.mark.parametrize("a_week", [5, 20])
@pytest.mark.parametrize("factor", [0.8, 1.0])
def test_a_policy_within_its_limit_is_rarely_suspended(a_week: int, factor: float) -> None:
    """Of policies with at most the allowed share of errors no more than 5 % are suspended in a year."""
    counts = wrong_counts(a_week, factor * ALLOWED, n=1500, seed=1)

    assert at_most(weeks_until_suspended(counts, a_week) <= WEEKS, FALSE_SUSPENSION)


def test_a_policy_with_twice_the_errors_is_suspended() -> None:
    """With 20 audits a week, half of the policies with twice the allowed errors stop within 12 weeks."""
    weeks = weeks_until_suspended(wrong_counts(20, 2 * ALLOWED, n=300, seed=1), 20)

    assert at_least(weeks <= WEEKS, 0.99)
    assert np.median(weeks) <= 12
