"""The codec: frozen dataclasses become plain JSON types and rows, and come back equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import pyarrow as pa
import pytest

from goldloop.core.codec import from_plain, to_plain
from goldloop.core.errors import StoredValueError
from goldloop.core.lanes import Lane
from goldloop.tables import codec, schema


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


def test_a_value_comes_back_from_plain_types_as_it_was() -> None:
    """Nested values, enums, tuples, mappings and moments; keys nobody knows are passed over."""
    told = to_plain(EXAMPLE)

    assert told["shares"] == {"ham": {"value": 0.25}}
    assert told["lane"] == "auto"
    assert from_plain(Example, told | {"later": 1}) == EXAMPLE


def test_a_row_holds_nested_values_as_text() -> None:
    """Moments stay moments, tuples become lists, and None stays None."""
    (row,) = codec.rows_of([EXAMPLE], seq=3)

    assert row["shares"] == '{"ham":{"value":0.25}}'
    assert (row["best"], row["words"], row["at"]) == (None, ["b", "c"], EXAMPLE.at)
    assert codec.values_of(Example, pa.Table.from_pylist([row])) == [EXAMPLE]


def test_the_columns_of_a_table_follow_from_the_fields_of_its_rows() -> None:
    """Numbers and moments keep their type, numbers in tuples lose precision, everything else is text."""
    columns = codec.columns_of(Example, seq=pa.int64())

    assert columns.field("words").type == pa.list_(pa.string())
    assert columns.field("at").type == pa.timestamp("us", tz="UTC")
    assert columns.field("seq").type == pa.int64()
    assert {columns.field(name).type for name in ("name", "lane", "shares", "best")} == {pa.string()}
    assert schema.ALL["predictions"].field("probs").type == pa.list_(pa.float32())
    assert schema.ALL["gold"].field("annotation_ids").type == pa.list_(pa.int64())
    assert schema.ALL["planned_tasks"].field("is_shown").type == pa.bool_()


def test_the_columns_of_every_table_are_pinned() -> None:
    """A renamed or retyped field of a stored value would shut out the workspaces that exist."""
    columns = sorted(
        f"{name}.{column.name} {column.type}" for name in schema.ALL for column in schema.ALL[name]
    )
    assert sha256("\n".join(columns).encode()).hexdigest()[:16] == "7d433ec446f96f24"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lane": "attic"}, "Example cannot be read: lane: Input should be"),
        ({"best": {"value": 2}}, "best: Value error, a share lies in"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    """The error names the type, the field and what was seen."""
    with pytest.raises(StoredValueError, match=message):
        from_plain(Example, to_plain(EXAMPLE) | change)
