"""The annotator report: profiles, agreement and automation bias, computed from the outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from goldloop.annotators.agreement import Agreement, agreement, independent_votes
from goldloop.annotators.automation_bias import AutomationBias, measure_automation_bias, observations_of
from goldloop.annotators.prefill_advice import Advice, recommend
from goldloop.annotators.profiles import AnnotatorProfile, annotator_profiles, assessed_answers
from goldloop.consensus.admission import RefusedCount, refused_counts
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.tasks import AnswerRequest, Purpose, n_first_answers
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class AnnotatorReport:
    """The profiles of all annotators, their agreement, and their automation bias.

    Accuracies are compared with `bar`, adoption gaps with `max_gap`. `refused` counts the answers that do not
    count.
    """

    people: tuple[AnnotatorProfile, ...]
    bar: float
    agreement: Agreement
    anchoring: AutomationBias
    advice: Advice
    max_gap: float
    refused: tuple[RefusedCount, ...] = ()


def annotator_report(
    outcomes: Outcomes, answer_requests: Sequence[AnswerRequest], settings: Settings
) -> AnnotatorReport:
    """Return the report on everybody who answered; `answer_requests` are all that were ever made.

    The same answers give the same intervals of the agreement.
    """
    labels, bar = settings.label_set, settings.annotators.bar
    anchoring, advice = suggestion_advice(outcomes, settings)
    overlap, audit_answers = settings.selection.overlap, settings.consensus.audit_answers
    n_first = {
        purpose: n_first_answers(purpose, overlap=overlap, audit_answers=audit_answers, is_checked=False)
        for purpose in (Purpose.SEED, Purpose.AUDIT)
    }
    votes, rng = (
        independent_votes(outcomes.answers, n_first=n_first),
        np.random.default_rng(settings.selection.seed),
    )
    return AnnotatorReport(
        people=annotator_profiles(
            assessed_answers(outcomes, answer_requests, labels), labels=labels, bar=bar
        ),
        bar=bar,
        agreement=agreement(votes, labels=labels, rng=rng),
        anchoring=anchoring,
        advice=advice,
        max_gap=settings.suggestions.max_gap,
        refused=refused_counts(outcomes.admission.refused),
    )


def suggestion_advice(outcomes: Outcomes, settings: Settings) -> tuple[AutomationBias, Advice]:
    """Return the measured automation bias, and whether suggestions are shown."""
    anchoring = measure_automation_bias(observations_of(outcomes), labels=settings.label_set)
    advice = recommend(anchoring.gap, anchoring.by_label, max_gap=settings.suggestions.max_gap)
    return anchoring, advice
