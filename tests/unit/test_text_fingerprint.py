"""Fingerprints of texts: near-duplicates differ in few bits, other texts in many."""

from __future__ import annotations

from pathlib import Path

from goldloop.modalities.text.fingerprint import MAX_DISTANCE, fingerprint_of
from tests.texts import real_texts


def distance(first: str, second: str) -> int:
    """Return in how many bits the fingerprints of two texts differ."""
    one, other = fingerprint_of(first), fingerprint_of(second)
    assert one is not None
    assert other is not None
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_near_duplicates_differ_in_few_bits() -> None:
    """Case, punctuation and digits do not count, a changed word in a long text little, another text a lot."""
    text = "Congratulations! You have won 500 pounds. Call 0900 1234 now to claim your prize before Friday."

    assert distance(text, text.upper().replace("!", "") + "  ") == 0
    assert distance(text, text.replace("500", "950").replace("1234", "9876")) == 0
    assert distance(text, text.replace("claim your prize", "claim a prize")) <= MAX_DISTANCE
    assert (
        distance(text, "Are you coming home for dinner tonight or shall I eat without you?")
        > 2 * MAX_DISTANCE
    )


def test_a_text_without_letters_is_like_no_other() -> None:
    """It has no fingerprint, so it is its own group; one letter is enough for one."""
    assert fingerprint_of("?! ...") is None
    assert fingerprint_of("k") is not None


def test_few_different_real_texts_are_taken_for_near_duplicates(real_data: Path) -> None:
    """Neighbours within the limit share most of their wording, on real messages."""
    import numpy as np

    texts = sorted({text for text, _ in real_texts(real_data, "messages_sms/messages.csv")})
    marks = [fingerprint_of(text) for text in texts]
    kept = [text for text, mark in zip(texts, marks, strict=True) if mark]
    bits = np.array([int(mark, 16) for mark in marks if mark], dtype=np.uint64)
    pairs = [
        (kept[row], kept[int(column)])
        for row in range(len(bits))
        for column in np.flatnonzero(np.bitwise_count(bits[row + 1 :] ^ bits[row]) <= MAX_DISTANCE) + row + 1
    ]

    def shared(first: str, second: str) -> float:
        one, other = (
            {text[n : n + 3] for n in range(len(text) - 2)} for text in (first.lower(), second.lower())
        )
        return len(one & other) / max(1, len(one | other))

    assert 20 < len(pairs) < len(texts) * 0.03
    assert sum(shared(*pair) < 0.5 for pair in pairs) <= 0.15 * len(pairs)
