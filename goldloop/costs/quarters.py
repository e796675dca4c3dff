"""Quarters: calendar quarters, UTC, and the rounds that were closed in one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from goldloop.core.errors import SettingsError

_QUARTER = re.compile(r"^(\d{4})[qQ]([1-4])$")


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """Three months of a year; `number` is 1 to 4."""

    year: int
    number: int

    def __str__(self) -> str:
        """Return for example 2026Q4."""
        return f"{self.year:04d}Q{self.number}"

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Return the quarter that holds `moment`, in UTC."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, (utc.month + 2) // 3)

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the quarter called `name`.

        Raises:
            SettingsError: the name is not of the form 2026Q4.
        """
        parts = _QUARTER.match(name)
        if parts is None:
            raise SettingsError(f"A quarter is written like 2026Q4, got {name!r}. Correct --quarter.")
        return cls(int(parts[1]), int(parts[2]))

    def rounds(self, closed: Sequence[datetime], *, now: datetime) -> tuple[int, ...]:
        """Return the rounds closed in this quarter; `closed` holds when each was, in order from round 0.

        The open round counts to the quarter of `now`.
        """
        moments = [*closed, now]
        return tuple(number for number, moment in enumerate(moments) if Quarter.of(moment) == self)
