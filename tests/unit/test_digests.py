"""Sets of digests behave as sets, whatever is added in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.digests import SIZE, DigestSet, digest

ALIKE = st.lists(st.sampled_from([0, 97]), min_size=SIZE, max_size=SIZE).map(bytes)
KEYS = st.binary(min_size=SIZE, max_size=SIZE) | ALIKE | st.sampled_from([b"a" * SIZE, b"\xff" * SIZE])


@given(st.lists(KEYS), st.lists(KEYS), KEYS)
def test_it_holds_what_a_set_holds(before: list[bytes], added: list[bytes], other: bytes) -> None:
    """Zeros at either end, equal halves and repetitions included."""
    found, expected = DigestSet(before), set(before)
    for key in added:
        found.add(key)
        expected.add(key)
        assert len(found) == len(expected)

    assert all(key in found for key in expected)
    assert (other in found) is (other in expected)


def test_parts_of_two_digests_are_no_digest() -> None:
    """The end of one and the beginning of the next in the same bucket do not make a third."""
    first, second = b"xy" + b"a" * 7 + b"b" * 7, b"xy" + b"a" * 7 + b"c" * 7
    across = b"xy" + b"b" * 7 + b"a" * 7
    known = DigestSet([first, second])

    assert across not in known
    known.add(across)
    assert across in known
    assert len(known) == 3


def test_a_digest_is_of_the_text() -> None:
    """Lone surrogates, which stand for bytes that are not UTF-8, have one too."""
    assert len(digest("grüße 猫")) == SIZE
    assert len({digest("a"), digest("b"), digest("\udc80"), digest("\udc81")}) == 4
