"""The clock."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment in UTC, timezone-aware."""
    return datetime.now(UTC)
