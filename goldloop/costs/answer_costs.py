"""Answer costs: what labelling everything would take, with one blind answer for each sample.

Both figures are measured on the answers to audit samples, which are blind and a random draw of all traffic.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from goldloop.annotators.skill import accuracy_against, wrong_answers
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import Purpose
from goldloop.costs.inputs import CostInputs
from goldloop.costs.prices import Prices
from goldloop.costs.review_effort import compared
from goldloop.costs.time import times_of
from goldloop.settings.sections import CostSettings
from goldloop.stats.measures import Measure, difference, exact, mean, product, scaled, total


@dataclass(frozen=True, slots=True)
class Answering:
    """One blind answer to a sample of all traffic: its mean `seconds`, and its `accuracy`.

    `assumptions` holds a sentence for each figure that is not known yet and comes from the settings.
    """

    seconds: Measure
    accuracy: Measure
    assumptions: tuple[str, ...] = ()

    def sample(self, prices: Prices) -> Measure:
        """Return what labelling one sample costs: the time, and the expected cost of a wrong answer."""
        wrong = difference(exact(1.0), self.accuracy)
        return total([scaled(self.seconds, prices.minute / 60), product(wrong, exact(prices.error))])


def answering(
    inputs: CostInputs, settings: CostSettings, labels: LabelSet, rounds: Collection[int]
) -> Answering:
    """Return time and accuracy of one blind answer in `rounds`, from audits, else from `settings`."""
    audits = (Purpose.AUDIT,)
    places = [place for place, answer in enumerate(inputs.answers) if answer.round in rounds]
    answers = [inputs.answers[place] for place in places]
    seconds = mean(times_of(answers, inputs.seconds[places], audits, is_shown=False))
    assessed = [entry for entry in inputs.assessed if entry.answer.round in rounds]
    others, answered = compared(assessed, audits, labels)
    accuracy = accuracy_against(others, answered, wrong_answers(others, answered))
    assumptions = []
    if seconds.estimate is None:
        assumptions.append(f"a blind answer takes {settings.quick_s:g} s ({seconds}; cost.quick_s)")
        seconds = exact(settings.quick_s)
    if accuracy.estimate is None:
        share = settings.quick_accuracy
        assumptions.append(f"a blind answer is right in {share:.0%} ({accuracy}; cost.quick_accuracy)")
        accuracy = exact(share)
    return Answering(seconds, accuracy, tuple(assumptions))
