"""The check of a promise can fail: it refuses shares that are clearly beyond the limit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.statistical.promises import at_least, at_most

pytestmark = pytest.mark.statistical


def test_a_share_twice_the_promise_is_refused() -> None:
    """Of 300 repeats 15 may break a promise of 5 %, and 30 may not."""
    assert at_most(np.arange(300) < 15, 0.05)
    assert not at_most(np.arange(300) < 30, 0.05)


def test_a_coverage_of_nine_in_ten_is_refused() -> None:
    """Of 300 intervals 285 have to hold at 95 %, and 265 are too few."""
    assert at_least(np.arange(300) < 285, 0.95)
    assert not at_least(np.arange(300) < 265, 0.95)
