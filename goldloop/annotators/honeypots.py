"""Controls: samples whose label is known, given to one more person; and what somebody new begins with.

A control *is* an ordinary blind task that one more person is asked to answer, so nobody can tell it from
others, and the labelling server gives it to somebody who has not seen it. Unanimous samples are easier than
the rest, adjudicated ones harder: accuracy on controls is accuracy on these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import floor

from goldloop.core.chance import permanent_random
from goldloop.core.samples import SampleId

MIN_UNANIMOUS = 2  # blind votes that say the same and nothing else make an answer known


@dataclass(frozen=True, slots=True)
class Honeypot:
    """A sample whose label is known; `annotators` answered it, `n_asked` times it was asked as a control."""

    sample_id: SampleId
    label: str
    annotators: frozenset[str] = frozenset()
    n_asked: int = 0


def is_known(*, n_blind_votes: int, n_agreeing: int, is_adjudicated: bool) -> bool:
    """Return whether a gold label may measure people: unanimous among blind votes, or adjudicated."""
    return is_adjudicated or n_agreeing == n_blind_votes >= MIN_UNANIMOUS


def n_honeypots_due(*, n_answers: int, n_honeypots: int, honeypot_rate: float) -> int:
    """Return how many controls to ask now, so that they are `honeypot_rate` of all answers.

    `n_answers` counts all answers so far, those to controls included; `n_honeypots` the controls asked so far,
    answered or not.
    """
    return max(0, floor(honeypot_rate * n_answers + 1e-9) - n_honeypots)


def choose_honeypots(
    known: Collection[Honeypot], *, n: int, people: Collection[str], seed: int
) -> list[SampleId]:
    """Return at most `n` samples to ask one more person about, none twice.

    Only what somebody of `people` has not answered comes into question. Labels asked least come first; within
    a label, samples asked least, then chance (the samples' permanent random numbers).
    """
    n_of_label = Counter[str]()
    for one in known:
        n_of_label[one.label] += one.n_asked
    useful = sorted(
        (one for one in known if set(people) - one.annotators),
        key=lambda one: (one.n_asked, permanent_random(one.sample_id, seed, "control")),
    )
    return _levelled(useful, n_of_label)[:n]


def choose_onboarding(
    known: Collection[Honeypot], *, n: int, current: Collection[SampleId] = (), seed: int
) -> list[SampleId]:
    """Return at most `n` samples for newcomers, the labels as equally often as there are samples for.

    Those of `current` whose answer is still known stay, so that whoever comes is measured on the same; the
    rest is filled up by chance, where labels are fewest.
    """
    ranked = sorted(known, key=lambda one: permanent_random(one.sample_id, seed, "onboarding"))
    kept = [one for one in ranked if one.sample_id in current][:n]
    others = [one for one in ranked if one.sample_id not in current]
    filled = _levelled(others, Counter(one.label for one in kept))[: n - len(kept)]
    return [one.sample_id for one in kept] + filled


def _levelled(ranked: Iterable[Honeypot], n_of_label: Counter[str]) -> list[SampleId]:
    """Return `ranked` so that each next one is of a label of which there are fewest so far."""
    counts, places = n_of_label.copy(), []
    for rank, one in enumerate(ranked):
        places.append((counts[one.label], rank, one.sample_id))
        counts[one.label] += 1
    return [sample_id for _, _, sample_id in sorted(places)]
