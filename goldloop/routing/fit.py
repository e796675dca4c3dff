"""Fitting: the policy that settings, audits and what is known of people come to, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from goldloop.audit.audited import Audited
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.routing.certificate import certify, evenly_drawn
from goldloop.routing.policies import Band, Cost, Matrix, Policy, Review, Target
from goldloop.settings import CostSettings, Settings
from goldloop.stats.measures import MIN_N

PRIOR_ANSWERS = 20.0
"""Answers that the accuracy in the settings is worth, and again the mean of all labels for each label."""

ALIKE = 0.2
"""Share of people's mistakes that everybody makes alike; votes cannot tell it (docs/decisions/0009)."""

MUCH_LEFT_OUT = 0.25  # audits thinned away for one that counts, from which on the user is told

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of one way of asking one person.

    `seconds` are times of single decisions, idle and edited ones left out, as `goldloop.annotators.pace` does.
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
    shown none (audit, full review, rechecks), `adjudicating` the decision of a dispute.
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
        return fit_target(policy.target, policy.delta, audited, seed=settings.selection.seed)
    if policy.kind == "cost":
        return Fitted(*cost_policy(settings, people or KnownPeople()))
    return Fitted(Band(*policy.band, Lane(policy.below)), ("the band is set in [policy]; no audit moves it",))


def fit_target(accuracy: float, delta: float, audited: Audited | None, *, seed: int) -> Fitted:
    """Return the target policy that `audited` certifies; without evidence nothing is accepted by machine."""
    if audited is None or not len(audited):
        found = certify([], [], accuracy=accuracy, delta=delta)
        n_left_out = 0
    else:
        even = evenly_drawn(audited, seed=seed)
        found = certify(even.confidence, even.is_right, accuracy=accuracy, delta=delta)
        n_left_out = len(audited) - len(even)
    warnings = []
    if found.threshold is None:
        warnings.append("the target policy accepts nothing: people get all of it")
    if n_left_out > MUCH_LEFT_OUT * found.n:
        warnings.append(
            f"{n_left_out} of {found.n + n_left_out} audits could not count, because audits were drawn with "
            "unequal probabilities; selection.audit_design = 'uniform' certifies most"
        )
    return Fitted(Target(accuracy, delta, found.threshold), (found.reason,), tuple(warnings))


def cost_policy(settings: Settings, people: KnownPeople) -> tuple[Cost, tuple[str, ...]]:
    """Return the cost policy, and where its prices and answers come from: people, else [cost]."""
    cost, labels = settings.cost, settings.label_set
    n_blind = max(settings.selection.overlap, settings.consensus.audit_answers)
    quick, why_quick = _quick_look(cost, len(labels), people.quick)
    full, why_full = _full_review(cost, len(labels), people, n_blind)
    return Cost(error_costs(cost, labels), quick, full), (why_quick, why_full)


def error_costs(cost: CostSettings, labels: LabelSet) -> Matrix:
    """Return what taking one label for another costs (n_labels, n_labels), row the true one, diagonal 0."""
    return tuple(
        tuple(
            0.0 if true == taken else float(cost.errors.get(true, {}).get(taken, cost.error))
            for taken in labels
        )
        for true in labels
    )


def _quick_look(cost: CostSettings, n_labels: int, known: Answered | None) -> tuple[Review, str]:
    seconds, why = _seconds(known, cost.quick_s)
    answers, how_right = _answers(known, cost.quick_accuracy, n_labels)
    return Review(seconds / 60 * cost.minute, _matrix(answers)), f"a quick review takes {why}, {how_right}"


def _full_review(cost: CostSettings, n_labels: int, people: KnownPeople, n_blind: int) -> tuple[Review, str]:
    if people.blind is None:
        answers = _one_coin(cost.full_accuracy, n_labels)
        why = f"a full review takes {cost.full_s:.0f} s and is right {cost.full_accuracy:.1%}, as [cost] says"
        return Review(cost.full_s / 60 * cost.minute, _matrix(answers)), why
    blind_s, why = _seconds(people.blind, cost.full_s / n_blind)
    deciding_s, _ = _seconds(people.adjudicating, blind_s)
    blind, how_right = _answers(people.blind, cost.quick_accuracy, n_labels)
    deciding, _ = _answers(people.adjudicating, float(blind.diagonal().mean()), n_labels)
    answers, differ = joined_answers(blind, deciding, n_blind)
    seconds = n_blind * blind_s + float(differ.mean()) * deciding_s
    why = (
        f"a full review is {n_blind} blind answers, each {why}, {how_right}; {differ.mean():.0%} differ and "
        f"are decided: {seconds:.0f} s in all, right {answers.diagonal().mean():.1%}"
    )
    return Review(seconds / 60 * cost.minute, _matrix(answers)), why


def joined_answers(blind: Floats, deciding: Floats, n_blind: int) -> tuple[Floats, Floats]:
    """Return what blind answers and an adjudicator come to (n_labels, n_labels), and how often they differ.

    A share ALIKE of the cases is answered by all as by one person, the rest independently.
    """
    agreed = ALIKE * blind + (1 - ALIKE) * blind**n_blind
    dispute = 1 - agreed.sum(axis=1)
    return agreed + dispute[:, None] * deciding, dispute


def _seconds(known: Answered | None, fallback_s: float) -> tuple[float, str]:
    n = 0 if known is None else len(known.seconds)
    if known is None or n < MIN_N:
        return fallback_s, f"{fallback_s:.0f} s (as [cost] says; only {n} times are known)"
    mean_s = float(np.mean(known.seconds))
    return mean_s, f"{mean_s:.0f} s (mean of {n})"


def _answers(known: Answered | None, accuracy: float, n_labels: int) -> tuple[Floats, str]:
    """Return how people answer each true label, drawn towards one accuracy and that towards `accuracy`."""
    counts = np.zeros((n_labels, n_labels)) if known is None else np.asarray(known.counts, dtype=np.float64)
    right = float((np.trace(counts) + PRIOR_ANSWERS * accuracy) / (counts.sum() + PRIOR_ANSWERS))
    pulled = counts + PRIOR_ANSWERS * _one_coin(right, n_labels)
    answers = pulled / pulled.sum(axis=1, keepdims=True)
    source = f"of {counts.sum():.0f} answers" if counts.sum() else "as [cost] says"
    return answers, f"right {right:.1%} ({source})"


def _one_coin(accuracy: float, n_labels: int) -> Floats:
    spread = np.full((n_labels, n_labels), (1 - accuracy) / (n_labels - 1))
    np.fill_diagonal(spread, accuracy)
    return spread


def _matrix(values: Floats) -> Matrix:
    return tuple(tuple(float(one) for one in row) for row in values)
