"""People: everything that reports say about who answers, drawn from the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.annotators.agreement import Agreement, agreement, independent_votes
from goldloop.annotators.automation_bias import Anchoring, measure_anchoring
from goldloop.annotators.judged_answers import judged_answers
from goldloop.annotators.prefill_advice import Advice, recommend
from goldloop.annotators.profiles import Person, people
from goldloop.consensus.outcomes import Verdicts, observations_of
from goldloop.core.requests import Ask
from goldloop.core.tasks import Purpose, n_first_answers
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class PeopleReport:
    """What is known of the people, how far they agree, and how far suggestions pull them.

    Accuracies are compared with `bar`, adoption gaps with `max_gap`.
    """

    people: tuple[Person, ...]
    bar: float
    agreement: Agreement
    anchoring: Anchoring
    advice: Advice
    max_gap: float

    @property
    def flagged(self) -> tuple[Person, ...]:
        """Who is below the bar by evidence."""
        return tuple(one for one in self.people if one.is_flagged)

    @property
    def falling(self) -> tuple[Person, ...]:
        """Whose newest rounds are worse than those before, by evidence."""
        return tuple(one for one in self.people if one.is_falling)


def people_report(verdicts: Verdicts, asks: Sequence[Ask], settings: Settings) -> PeopleReport:
    """Return what the verdicts say of everybody who answered; `asks` is everything ever asked."""
    labels = settings.label_set
    anchoring, advice = suggestion_advice(verdicts, settings)
    return PeopleReport(
        people=people(judged_answers(verdicts, asks, labels), labels=labels, bar=settings.people.bar),
        bar=settings.people.bar,
        agreement=agreement_of(verdicts, settings),
        anchoring=anchoring,
        advice=advice,
        max_gap=settings.suggestions.max_gap,
    )


def suggestion_advice(verdicts: Verdicts, settings: Settings) -> tuple[Anchoring, Advice]:
    """Return how far suggestions pull people, and whether they are shown."""
    anchoring = measure_anchoring(observations_of(verdicts), labels=settings.label_set)
    advice = recommend(anchoring.gap, anchoring.by_label, max_gap=settings.suggestions.max_gap)
    return anchoring, advice


def agreement_of(verdicts: Verdicts, settings: Settings) -> Agreement:
    """Return how far people agree on samples drawn at random; the same answers give the same intervals."""
    overlap, audit_answers = settings.selection.overlap, settings.consensus.audit_answers
    n_first = {
        purpose: n_first_answers(purpose, overlap=overlap, audit_answers=audit_answers, is_checked=False)
        for purpose in (Purpose.SEED, Purpose.AUDIT)
    }
    votes = independent_votes(verdicts.answers, n_first=n_first)
    return agreement(votes, labels=settings.label_set, rng=np.random.default_rng(settings.selection.seed))
