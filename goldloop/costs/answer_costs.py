"""Answering: what it takes to have people label everything, one blind answer a sample.

Measured on the first answers to audit samples: blind, and drawn at random from all traffic, as everything
would be.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from goldloop.annotators.skill import accuracy_against, wrong_answers
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import Purpose
from goldloop.costs.inputs import Books
from goldloop.costs.prices import Prices
from goldloop.costs.review_effort import compared
from goldloop.costs.time import times_of
from goldloop.settings import CostSettings
from goldloop.stats.measures import Measure, difference, exact, mean, product, scaled, total


@dataclass(frozen=True, slots=True)
class Answering:
    """One blind answer to a sample of all traffic: its mean `seconds`, and its `accuracy`.

    `assumptions` says in a sentence each what is not known yet and taken from the settings.
    """

    seconds: Measure
    accuracy: Measure
    assumptions: tuple[str, ...] = ()

    def sample(self, prices: Prices) -> Measure:
        """Return what labelling one sample so costs: the time, and the errors people would make."""
        wrong = difference(exact(1.0), self.accuracy)
        return total([scaled(self.seconds, prices.minute / 60), product(wrong, exact(prices.error))])


def answering(books: Books, settings: CostSettings, labels: LabelSet, rounds: Collection[int]) -> Answering:
    """Return what one blind answer took and was worth in `rounds`, by audits, else what `settings` say."""
    audits = (Purpose.AUDIT,)
    gave = [place for place, one in enumerate(books.answers) if one.round in rounds]
    answers = [books.answers[place] for place in gave]
    seconds = mean(times_of(answers, books.seconds[gave], audits, is_shown=False))
    judged = [one for one in books.judged if one.answer.round in rounds]
    others, said = compared(judged, audits, labels)
    accuracy = accuracy_against(others, said, wrong_answers(others, said))
    assumptions = []
    if seconds.estimate is None:
        assumptions.append(f"a blind answer takes {settings.quick_s:g} s ({seconds}; cost.quick_s)")
        seconds = exact(settings.quick_s)
    if accuracy.estimate is None:
        share = settings.quick_accuracy
        assumptions.append(f"a blind answer is right in {share:.0%} ({accuracy}; cost.quick_accuracy)")
        accuracy = exact(share)
    return Answering(seconds, accuracy, tuple(assumptions))
