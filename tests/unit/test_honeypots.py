"""Honeypots measure people with samples whose label is known; newcomers begin with such samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.annotators.honeypots import (
    Honeypot,
    choose_honeypots,
    choose_onboarding,
    known_label,
    n_honeypots_due,
)
from goldloop.consensus.evidence import SampleEvidence
from goldloop.core.annotations import Answer
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import Purpose

PEOPLE = ("1", "2", "3", "4")


def known_answers(max_size: int = 40) -> st.SearchStrategy[list[Honeypot]]:
    """Distinct samples with known labels, answered by some people, asked a few times."""
    one = st.tuples(st.sampled_from("abc"), st.frozensets(st.sampled_from(PEOPLE)), st.integers(0, 3))
    return st.lists(one, max_size=max_size).map(
        lambda rows: [Honeypot(sample_id_of(f"k{number}".encode()), *row) for number, row in enumerate(rows)]
    )


def plain(n: int, label: str = "a", first: int = 0) -> list[Honeypot]:
    """Return n samples of one label that nobody has answered."""
    return [Honeypot(sample_id_of(f"{label}{first + i}".encode()), label) for i in range(n)]


def answered(label: str, who: str, *, minute: int = 0, is_shown: bool = False) -> Answer:
    """Return somebody's answer."""
    at = datetime(2026, 1, 5, 9, minute, tzinfo=UTC)
    return Answer(1, SampleId("s"), Purpose.AUDIT, who, label, None, 1, at, at, 4.0, label, is_shown)


def evidence(*votes: Answer, decision: Answer | None = None) -> SampleEvidence:
    """Return the evidence of a sample; only votes and decision matter here."""
    none: Any = None
    return SampleEvidence(SampleId("s"), none, (), votes, (), decision, (), none, 1, 1, False)


@pytest.mark.parametrize(
    ("votes", "decision", "expected"),
    [
        ("aa", None, "a"),
        ("aaa", None, "a"),
        ("a", None, None),
        ("", None, None),
        ("aab", None, None),
        ("abc", "b", "b"),
    ],
)
def test_known_means_unanimous_or_adjudicated(votes: str, decision: str | None, expected: str | None) -> None:
    """One vote alone, or a vote against, makes no answer known, unless an adjudicator has decided."""
    said = [answered(label, str(who)) for who, label in enumerate(votes)]
    decided = answered(decision, "adjudicator") if decision else None
    assert known_label(evidence(*said, decision=decided)) == expected


def test_a_label_is_known_without_the_annotator_without_suggestions_and_in_time() -> None:
    """No annotator confirms themselves; answers that saw a suggestion, or came too late, confirm nobody."""
    ana, ben, cleo = (answered("a", who, minute=minute) for minute, who in enumerate(["ana", "ben", "cleo"]))
    assert known_label(evidence(ana, ben), without="ana") is None
    assert known_label(evidence(ana, ben, cleo), without="ana") == "a"
    assert known_label(evidence(ana, replace(ben, is_shown=True))) is None
    assert known_label(evidence(ana, ben), before=ana.created_at) is None
    assert known_label(evidence(ana, ben), before=ben.created_at) == "a"
    assert known_label(evidence(decision=ana), without="ana") is None


@given(st.lists(st.integers(0, 30), max_size=60), st.floats(0, 0.5))
def test_honeypots_keep_their_share_of_the_answers(pulls: list[int], rate: float) -> None:
    """However answers come in, the honeypots asked are the set share of them, to the last whole one."""
    n_answers = n_honeypots = 0
    for new in pulls:
        n_answers += new
        n_honeypots += n_honeypots_due(n_answers=n_answers, n_honeypots=n_honeypots, honeypot_rate=rate)

    assert n_honeypots <= rate * n_answers + 1e-6
    assert n_honeypots > rate * n_answers - 1


@given(known_answers(), st.integers(0, 50), st.integers(0, 3))
def test_a_honeypot_is_new_to_somebody(known: list[Honeypot], n: int, seed: int) -> None:
    """No sample is chosen twice, and none that everybody has answered; all others are within reach."""
    chosen = choose_honeypots(known, n=n, people=PEOPLE, seed=seed)
    useful = {one.sample_id for one in known if one.annotators < set(PEOPLE)}

    assert len(chosen) == len(set(chosen)) == min(n, len(useful))
    assert set(chosen) <= useful


def test_nobody_to_ask_means_no_honeypots() -> None:
    """Without annotators nothing is chosen."""
    assert choose_honeypots(plain(5), n=3, people=(), seed=0) == []


@given(known_answers(), st.integers(1, 20), st.randoms(use_true_random=False))
def test_the_order_of_the_known_answers_does_not_matter(
    known: list[Honeypot], n: int, random: object
) -> None:
    """Shuffled input gives the same honeypots and the same onboarding set."""
    shuffled = list(known)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert choose_honeypots(shuffled, n=n, people=PEOPLE, seed=1) == choose_honeypots(
        known, n=n, people=PEOPLE, seed=1
    )
    assert choose_onboarding(shuffled, n=n, seed=1) == choose_onboarding(known, n=n, seed=1)


def test_honeypots_asked_one_by_one_spread_over_labels_and_samples() -> None:
    """Thirty single honeypots of three labels with ten samples each: every sample is asked once."""
    known = plain(10, "a") + plain(10, "b") + plain(10, "c")
    asked = Counter[SampleId]()
    for n_so_far in range(30):
        now = [replace(one, n_asked=asked[one.sample_id]) for one in known]
        asked.update(choose_honeypots(now, n=1, people=PEOPLE, seed=0))
        of_label = Counter(one.label for one in known for _ in range(asked[one.sample_id]))
        assert max(of_label.values()) - min(of_label[label] for label in "abc") <= 1, n_so_far

    assert set(asked.values()) == {1}
    assert len(asked) == 30


@given(known_answers(), st.integers(0, 30))
def test_the_onboarding_set_is_balanced(known: list[Honeypot], n: int) -> None:
    """No label has two more than another that still has samples to give."""
    chosen = choose_onboarding(known, n=n, seed=0)
    label_of = {one.sample_id: one.label for one in known}
    available, used = Counter(label_of.values()), Counter(label_of[one] for one in chosen)

    assert len(chosen) == min(n, len(known))
    for label in available:
        assert used[label] >= min(available[label], max(used.values(), default=0) - 1)


@given(known_answers(), known_answers(), st.integers(1, 30))
def test_the_onboarding_set_stays_when_gold_grows(
    known: list[Honeypot], others: list[Honeypot], n: int
) -> None:
    """Samples chosen before stay as long as their answer is known; only gaps are filled."""
    before = choose_onboarding(known, n=n, seed=0)
    more = [replace(one, sample_id=sample_id_of(one.sample_id.encode())) for one in others]

    assert set(before) <= set(choose_onboarding(known + more, n=n, current=before, seed=0))
    lost = [one for one in known if one.sample_id != before[0]] if before else known
    after = choose_onboarding(lost, n=n, current=before, seed=0)
    assert set(before[1:]) <= set(after)
    assert len(after) == min(n, len(lost))
