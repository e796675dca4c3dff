"""The first row with each id of a source: the same as a dict, whether it waits in memory or in a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.modalities.rows import first_rows
from goldloop.modalities.rows.first_rows import FirstRows

URIS = st.integers(0, 40).map(lambda number: f"posts.csv#id={number}")
PARTS = st.lists(st.lists(URIS, max_size=8), max_size=20)


@given(PARTS, st.integers(1, 12), st.booleans())
def test_it_holds_what_a_dict_holds(parts: list[list[str]], most_in_memory: int, is_sorted: bool) -> None:
    """Looked up before each part is added, as a reader does; in any order, or nearly ascending."""
    if is_sorted:
        parts = sorted(sorted(part, key=lambda uri: (len(uri), uri)) for part in parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_rows, "MOST_IN_MEMORY", most_in_memory)
        found, expected = FirstRows(), dict[str, bytes]()
        for number, places in enumerate(parts):
            before = found.find(places)
            assert before == {place: expected[place] for place in places if place in expected}
            new = {place: bytes([number]) for place in places if place not in before}
            found.add(new)
            expected |= new
    assert found.find([f"posts.csv#id={number}" for number in range(41)]) == expected
