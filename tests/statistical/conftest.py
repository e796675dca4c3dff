"""Leaves the statistical tests out of every run that does not ask for them."""

from __future__ import annotations

import pytest

MARKER = "statistical"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the statistical tests unless `-m` names their marker."""
    if MARKER in str(config.getoption("markexpr")):
        return
    left_out = [item for item in items if item.get_closest_marker(MARKER)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
