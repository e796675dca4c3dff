"""The annotator report: profiles, agreement and automation bias, computed from the outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.annotators.agreement import Agreement, agreement, independent_votes
from goldloop.annotators.anchoring import observations_of
from goldloop.annotators.assessed_answers import assessed_answers
from goldloop.annotators.automation_bias import AutomationBias, measure_automation_bias
from goldloop.annotators.prefill_advice import Advice, recommend
from goldloop.annotators.profiles import AnnotatorProfile, annotator_profiles
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.tasks import AnswerRequest, Purpose, n_first_answers
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class AnnotatorReport:
    """The profiles of all annotators, their agreement, and their automation bias.

    Accuracies are compared with `bar`, adoption gaps with `max_gap`.
    """

    people: tuple[AnnotatorProfile, ...]
    bar: float
    agreement: Agreement
    anchoring: AutomationBias
    advice: Advice
    max_gap: float

    @property
    def flagged(self) -> tuple[AnnotatorProfile, ...]:
        """Annotators whose accuracy is below the bar by its whole interval."""
        return tuple(person for person in self.people if person.is_flagged)

    @property
    def falling(self) -> tuple[AnnotatorProfile, ...]:
        """Annotators whose accuracy has fallen, by the whole interval."""
        return tuple(person for person in self.people if person.is_falling)


def annotator_report(
    outcomes: Outcomes, answer_requests: Sequence[AnswerRequest], settings: Settings
) -> AnnotatorReport:
    """Return the report on everybody who answered; `answer_requests` are all that were ever made."""
    labels = settings.label_set
    anchoring, advice = suggestion_advice(outcomes, settings)
    return AnnotatorReport(
        people=annotator_profiles(
            assessed_answers(outcomes, answer_requests, labels), labels=labels, bar=settings.annotators.bar
        ),
        bar=settings.annotators.bar,
        agreement=agreement_of(outcomes, settings),
        anchoring=anchoring,
        advice=advice,
        max_gap=settings.suggestions.max_gap,
    )


def suggestion_advice(outcomes: Outcomes, settings: Settings) -> tuple[AutomationBias, Advice]:
    """Return the measured automation bias, and whether suggestions are shown."""
    anchoring = measure_automation_bias(observations_of(outcomes), labels=settings.label_set)
    advice = recommend(anchoring.gap, anchoring.by_label, max_gap=settings.suggestions.max_gap)
    return anchoring, advice


def agreement_of(outcomes: Outcomes, settings: Settings) -> Agreement:
    """Return the agreement on samples drawn at random; the same answers give the same intervals."""
    overlap, audit_answers = settings.selection.overlap, settings.consensus.audit_answers
    n_first = {
        purpose: n_first_answers(purpose, overlap=overlap, audit_answers=audit_answers, is_checked=False)
        for purpose in (Purpose.SEED, Purpose.AUDIT)
    }
    votes = independent_votes(outcomes.answers, n_first=n_first)
    return agreement(votes, labels=settings.label_set, rng=np.random.default_rng(settings.selection.seed))
