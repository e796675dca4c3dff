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
        there = moment.astimezone(UTC)
        return cls(there.year, (there.month + 2) // 3)

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the quarter called `name`.

        Raises:
            SettingsError: it is called nothing like 2026Q4.
        """
        found = _QUARTER.match(name)
        if found is None:
            raise SettingsError(f"a quarter is written like 2026Q4, got {name!r}; correct --quarter")
        return cls(int(found[1]), int(found[2]))

    def rounds(self, closed: Sequence[datetime], *, now: datetime) -> tuple[int, ...]:
        """Return the rounds closed in this quarter; `closed` holds when each was, in order from round 0.

        The open round counts to the quarter of `now`.
        """
        moments = [*closed, now]
        return tuple(number for number, moment in enumerate(moments) if Quarter.of(moment) == self)
