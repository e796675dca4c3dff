"""Simulated people answer as their character says, so that what is measured of them can be checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from scipy.stats import binom

from goldloop.core.samples import sample_id_of
from scripts.demo_loop.labelled import LabelledSample
from scripts.demo_loop.people import CREW, SENIOR, Character, answer_of, confusions

LABELS = tuple("0123456789")
MISTAKEN = confusions(LABELS)
N = 2000
SAMPLES = [
    LabelledSample(sample_id=sample_id_of(str(number).encode()), label=str(number % 10))
    for number in range(N)
]


def answers(who: Character, *, suggested: str | None = None) -> list[tuple[str, str | None]]:
    """Return (truth, answer) for each sample."""
    return [(one.label, answer_of(who, one, MISTAKEN, seed=0, suggested=suggested)) for one in SAMPLES]


def is_share(n_hits: int, n: int, probability: float) -> bool:
    """Return whether so many hits are what chance brings 998 times in 1,000."""
    return bool(binom.ppf(0.001, n, probability) <= n_hits <= binom.ppf(0.999, n, probability))


@pytest.mark.parametrize(
    "who",
    [*CREW, SENIOR, Character("careless", 4, 0.75), Character("spammer", 5, 0.9, guesses=1.0, skip_rate=0.2)],
    ids=lambda who: who.name,
)
def test_people_are_as_good_as_stated(who: Character) -> None:
    """Accuracy and skips are those of the character, up to chance."""
    found = answers(who)
    given = [one for one in found if one[1] is not None]

    assert is_share(N - len(given), N, who.skip_rate)
    assert is_share(sum(true == said for true, said in given), len(given), who.accuracy(len(LABELS)))


def test_a_known_share_takes_what_is_suggested() -> None:
    """With adoption 0.4, four in ten answers are the suggestion, the others what they were blind."""
    who = Character("led", 1, 0.9, adoption=0.4, skip_rate=0.0)
    blind, shown = answers(who), answers(who, suggested="wrong")
    led = [said == "wrong" for _, said in shown]

    assert is_share(sum(led), N, 0.4)
    assert [one for one, is_led in zip(shown, led, strict=True) if not is_led] == [
        one for one, is_led in zip(blind, led, strict=True) if not is_led
    ]


def test_mistakes_are_those_people_make() -> None:
    """A wrong answer is one the label is mistaken for, unless somebody guesses."""
    wrong = {(true, said) for true, said in answers(CREW[2]) if said not in (true, None)}
    guessed = Counter(said for _, said in answers(Character("spammer", 5, 0.9, guesses=1.0, skip_rate=0.0)))

    assert wrong == {(true, said) for true in LABELS for said in MISTAKEN[true]}
    assert set(guessed) == set(LABELS)


def test_people_say_the_same_when_asked_again_and_not_what_others_say() -> None:
    """The same person repeats the answer; another of the same skill makes other mistakes."""
    who = Character("one", 1, 0.7)

    assert answers(who) == answers(who)
    assert answers(who) != answers(replace(who, place=2))


def test_real_answers_are_given_where_they_are_known() -> None:
    """The first people give one real answer each; whoever comes after them is simulated."""
    sample = replace(SAMPLES[3], answers=("5", "3", "8"))

    assert [answer_of(who, sample, MISTAKEN, seed=0) for who in CREW] == ["5", "3", "8"]
    assert answer_of(replace(SENIOR, skill=1.0), sample, MISTAKEN, seed=0) == "3"
