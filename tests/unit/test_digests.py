"""Sets of digests behave as sets, whatever is added in which order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core import digests
from goldloop.core.digests import SIZE, DigestSet, digest

KEYS = st.binary(min_size=SIZE, max_size=SIZE) | st.sampled_from(
    [bytes(SIZE), bytes(8) + b"a" * 8, b"a" * 8 + bytes(8), b"a" * SIZE, b"\xff" * SIZE]
)


@given(st.lists(KEYS), st.lists(KEYS), KEYS)
def test_it_holds_what_a_set_holds(before: list[bytes], added: list[bytes], other: bytes) -> None:
    """Zeros at either end, equal halves and repetitions included; merging changes nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "_FEWEST", 3)
        patch.setattr(digests, "_SHARE", 2)
        found, expected = DigestSet(before), set(before)
        for key in added:
            found.add(key)
            expected.add(key)
            assert len(found) == len(expected)

    assert all(key in found for key in expected)
    assert (other in found) is (other in expected)


def test_a_digest_is_of_the_text() -> None:
    """Lone surrogates, which stand for bytes that are not UTF-8, have one too."""
    assert len(digest("grüße 猫")) == SIZE
    assert len({digest("a"), digest("b"), digest("\udc80"), digest("\udc81")}) == 4
