"""The codecs: frozen dataclasses become JSON and rows of tables, and come back equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pydantic import ValidationError

from goldloop.core.codec import to_plain
from goldloop.core.lanes import Lane
from goldloop.tables.codec import rows_of, values_of


@dataclass(frozen=True, slots=True)
class Share:
    """A nested value that refuses what is no share."""

    value: float

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 1:
            raise ValueError(f"a share lies in [0, 1], got {self.value}")


@dataclass(frozen=True, slots=True)
class Example:
    """A record with every kind of field that tables hold."""

    name: str
    lane: Lane
    shares: Mapping[str, Share]
    best: Share | None
    words: tuple[str, ...]
    at: datetime


EXAMPLE = Example(
    "a", Lane.AUTO, {"ham": Share(0.25)}, None, ("b", "c"), datetime(2026, 3, 2, 12, 30, 1, 5, tzinfo=UTC)
)


def test_a_value_is_written_in_the_types_json_has() -> None:
    """Nested values, enums, tuples, moments and infinity."""
    assert to_plain(EXAMPLE)["shares"] == {"ham": {"value": 0.25}}
    assert (to_plain(EXAMPLE)["lane"], to_plain(EXAMPLE)["words"]) == ("auto", ["b", "c"])
    assert to_plain({"price": float("inf")}) == {"price": "Infinity"}


def test_a_row_holds_nested_values_as_text_and_comes_back_as_it_was() -> None:
    """Moments stay moments, tuples become lists, None stays None; more columns are passed over."""
    (row,) = rows_of([EXAMPLE], seq=3)

    assert row["shares"] == '{"ham":{"value":0.25}}'
    assert (row["best"], row["words"], row["at"]) == (None, ["b", "c"], EXAMPLE.at)
    assert values_of(Example, pa.Table.from_pylist([row])) == [EXAMPLE]


def test_a_row_that_does_not_fit_is_refused() -> None:
    """The error names the field and what was seen."""
    (row,) = rows_of([EXAMPLE])

    with pytest.raises(ValidationError, match=r"lane\n.*Input should be.*attic"):
        values_of(Example, pa.Table.from_pylist([{**row, "lane": "attic"}]))
    with pytest.raises(ValidationError, match="a share lies in"):
        values_of(Example, pa.Table.from_pylist([{**row, "best": '{"value": 2}'}]))
