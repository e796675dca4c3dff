"""Fitting: the policy that settings, audits and what is known of people come to, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.auditing.audited import Audited
from goldloop.labels import LabelSet
from goldloop.people.measures import MIN_N
from goldloop.routing.certifying import certify
from goldloop.routing.lanes import Lane
from goldloop.routing.policies import Band, Cost, Look, Matrix, Policy, Target
from goldloop.settings import CostSettings, Settings

PRIOR_ANSWERS = 20.0
"""Answers that the accuracy in the settings is worth, and again the mean of all labels for each label."""

ALIKE = 0.2
"""Share of people's mistakes that everybody makes alike; votes cannot tell it (docs/decisions/0009)."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of one way of asking one person.

    `seconds` are times of single decisions, idle and edited ones left out, as `goldloop.people.pace` does.
    `counts` (n_labels, n_labels), row the true label, column the answer: how often which answer was given,
    measured against others' answers, never against gold that the answer itself made; expected counts where
    the truth is uncertain.
    """

    seconds: tuple[float, ...]
    counts: Matrix


@dataclass(frozen=True, slots=True)
class KnownPeople:
    """What is known of people's answers, by how they were asked; None where nothing is.

    `quick` is one person who is shown the suggestion (review tasks that show it), `blind` one person who is
    shown none (audit, deep review, rechecks), `adjudicating` the decision of a dispute.
    """

    quick: Answered | None = None
    blind: Answered | None = None
    adjudicating: Answered | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A policy, the reasons for what was fitted in it, and warnings that the user has to read."""

    policy: Policy
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def fit_policy(
    settings: Settings, audited: Audited | None = None, people: KnownPeople | None = None
) -> Fitted:
    """Return the policy that `settings` ask for, fitted to today's champion.

    `audited` is the holdout as the champion judged it, None or empty before there is one; only the target
    policy rests on it. `people` fill the cost policy; what they do not say comes from [cost].
    """
    policy = settings.policy
    if policy.kind == "target":
        return _fit_target(policy.target, policy.delta, audited)
    if policy.kind == "cost":
        return fit_cost(
            settings.cost, settings.label_set, people or KnownPeople(), settings.consensus.audit_answers
        )
    return Fitted(Band(*policy.band, Lane(policy.below)), ("the band is set in [policy]; no audit moves it",))


def _fit_target(accuracy: float, delta: float, audited: Audited | None) -> Fitted:
    if audited is None:
        empty = np.zeros(0)
        found = certify(empty, empty, accuracy=accuracy, delta=delta)
    else:
        found = certify(
            audited.confidence, audited.is_right, accuracy=accuracy, delta=delta, weights=audited.weights
        )
    warnings = (
        () if found.threshold is not None else ("nothing is accepted by machine: people get all of it",)
    )
    return Fitted(Target(accuracy, delta, found.threshold), found.reasons, warnings)


def fit_cost(cost: CostSettings, labels: LabelSet, people: KnownPeople, n_blind: int = 2) -> Fitted:
    """Return the cost policy: error costs of [cost], prices and answers of people as far as known."""
    quick, why_quick = _quick_look(cost, len(labels), people.quick)
    deep, why_deep = _deep_review(cost, len(labels), people, n_blind)
    return Fitted(Cost(error_costs(cost, labels), quick, deep), (why_quick, why_deep))


def error_costs(cost: CostSettings, labels: LabelSet) -> Matrix:
    """Return what taking one label for another costs (n_labels, n_labels), row the true one, diagonal 0."""
    return tuple(
        tuple(
            0.0 if true == taken else float(cost.errors.get(true, {}).get(taken, cost.error))
            for taken in labels
        )
        for true in labels
    )


def _quick_look(cost: CostSettings, n_labels: int, known: Answered | None) -> tuple[Look, str]:
    seconds, why = _seconds(known, cost.quick_s)
    answers = _answers(known, cost.quick_accuracy, n_labels)
    return Look(seconds / 60 * cost.minute, _matrix(answers)), f"a quick look: {why}"


def _deep_review(cost: CostSettings, n_labels: int, people: KnownPeople, n_blind: int) -> tuple[Look, str]:
    if people.blind is None:
        answers = _one_coin(cost.deep_accuracy, n_labels)
        why = f"a deep review: {cost.deep_s:.0f} s and {cost.deep_accuracy:.1%} right, as [cost] says"
        return Look(cost.deep_s / 60 * cost.minute, _matrix(answers)), why
    blind_s, why = _seconds(people.blind, cost.deep_s / n_blind)
    deciding_s, _ = _seconds(people.adjudicating or people.blind, blind_s)
    blind = _answers(people.blind, cost.quick_accuracy, n_labels)
    deciding = _answers(people.adjudicating or people.blind, cost.deep_accuracy, n_labels)
    answers, dispute = joined_answers(blind, deciding, n_blind)
    seconds = n_blind * blind_s + float(dispute.mean()) * deciding_s
    return Look(
        seconds / 60 * cost.minute, _matrix(answers)
    ), f"a deep review: {n_blind} blind answers, {why}"


def joined_answers(blind: Floats, deciding: Floats, n_blind: int) -> tuple[Floats, Floats]:
    """Return what blind answers and an adjudicator come to (n_labels, n_labels), and how often they differ.

    A share ALIKE of the cases is answered by all as by one person, the rest independently.
    """
    agreed = ALIKE * blind + (1 - ALIKE) * blind**n_blind
    dispute = 1 - agreed.sum(axis=1)
    return agreed + dispute[:, None] * deciding, dispute


def _seconds(known: Answered | None, fallback_s: float) -> tuple[float, str]:
    if known is None or len(known.seconds) < MIN_N:
        return fallback_s, f"{fallback_s:.0f} s, as [cost] says; fewer than {MIN_N} times of people are known"
    return float(np.mean(known.seconds)), f"{np.mean(known.seconds):.0f} s, the mean of {len(known.seconds)}"


def _answers(known: Answered | None, accuracy: float, n_labels: int) -> Floats:
    counts = np.zeros((n_labels, n_labels)) if known is None else np.asarray(known.counts, dtype=np.float64)
    right = (np.trace(counts) + PRIOR_ANSWERS * accuracy) / (counts.sum() + PRIOR_ANSWERS)
    pulled = counts + PRIOR_ANSWERS * _one_coin(float(right), n_labels)
    return np.asarray(pulled / pulled.sum(axis=1, keepdims=True))


def _one_coin(accuracy: float, n_labels: int) -> Floats:
    spread = np.full((n_labels, n_labels), (1 - accuracy) / (n_labels - 1))
    np.fill_diagonal(spread, accuracy)
    return spread


def _matrix(values: Floats) -> Matrix:
    return tuple(tuple(float(one) for one in row) for row in values)
