"""The clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)
