"""Fitting: the policy that follows from settings, audits and annotators, with the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from goldloop.audit.audited import Audited
from goldloop.core.error_costs import ErrorCosts, Matrix
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.routing.certificate import certify, evenly_drawn
from goldloop.routing.cost_policy import Cost, Review, StakedReview
from goldloop.routing.policies import Band, Policy, Risk, Target
from goldloop.settings import Settings
from goldloop.settings.costs import CostSettings
from goldloop.stats.measures import MIN_N
from goldloop.stats.metrics import Floats

PRIOR_ANSWERS = 20.0
"""Weight of the prior, in answers: of the accuracy in the settings, and of the mean over labels per label."""

ALIKE = 0.2
"""Share of samples that all annotators answer alike; votes cannot show it (docs/decisions/0009)."""

MUCH_LEFT_OUT = 0.25  # audits left out by thinning, for each that counts, above which there is a warning


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers of single annotators to one kind of task.

    `seconds` are times of single decisions, without idle and edited ones (`goldloop.annotators.pace`).
    `counts` (n_labels, n_labels), rows the true label, columns the answer: how often each answer was given,
    compared with other annotators' answers and never with gold that contains the answer itself; expected
    counts where the true label is uncertain. `by_stake` has the answers about each part of the stakes after
    the lowest stake of that part, in ascending order; empty where stakes are not known.
    """

    seconds: tuple[float, ...]
    counts: Matrix
    by_stake: tuple[tuple[float, Answered], ...] = ()


@dataclass(frozen=True, slots=True)
class KnownPeople:
    """The answers of single annotators by kind of task; None where there are none.

    `quick`: the suggestion is shown (review tasks). `blind`: it is not (audit, full review, rechecks).
    `adjudicating`: the decision of a dispute.
    """

    quick: Answered | None = None
    blind: Answered | None = None
    adjudicating: Answered | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A policy, the reasons for its fitted values, and warnings for the user."""

    policy: Policy
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def fit_policy(
    settings: Settings, audited: Audited | None = None, people: KnownPeople | None = None
) -> Fitted:
    """Return the policy that `settings` ask for, fitted to today's champion.

    `audited` is the holdout as the champion evaluated it, None or empty without a champion; only the target
    policy uses it. `people` gives times and accuracies to the cost policy; missing ones come from [cost].
    """
    policy = settings.policy
    if policy.kind == "target":
        return fit_target(policy.target, policy.delta, audited, seed=settings.selection.seed)
    if policy.kind == "cost":
        return Fitted(*cost_policy(settings, people or KnownPeople()))
    if policy.kind == "risk":
        return Fitted(risk_policy(settings), ("the lines of risk are fixed in [policy]",))
    reason = "the band is fixed in [policy]; audits do not change it"
    return Fitted(band_policy(settings), (reason,))


def band_policy(settings: Settings) -> Band:
    """Return the band of the settings, with an upper end for each label where they name one for some."""
    policy = settings.policy
    low, high = policy.band
    if not policy.thresholds:
        return Band(low, high, Lane(policy.below))
    highs = tuple(policy.thresholds.get(label, high) for label in settings.labels)
    return Band(low, high, Lane(policy.below), highs, settings.labels)


def risk_policy(settings: Settings) -> Risk:
    """Return the lines of risk of the settings."""
    return Risk(*settings.policy.risk, settings.labels)


def fit_target(accuracy: float, delta: float, audited: Audited | None, *, seed: int) -> Fitted:
    """Return the target policy that `audited` certifies; with too few audits it accepts nothing."""
    if audited is None or not len(audited):
        certificate, n_left_out = certify([], [], accuracy=accuracy, delta=delta), 0
    else:
        even = evenly_drawn(audited, seed=seed)
        certificate = certify(even.confidence, even.is_right, accuracy=accuracy, delta=delta)
        n_left_out = len(audited) - len(even)
    warnings = []
    if certificate.threshold is None:
        warnings.append("the target policy accepts nothing: annotators get every sample")
    if n_left_out > MUCH_LEFT_OUT * certificate.n:
        warnings.append(
            f"{n_left_out} of {certificate.n + n_left_out} audits were left out because they were drawn with "
            "unequal probabilities; selection.audit_design = 'uniform' leaves out none"
        )
    return Fitted(Target(accuracy, delta, certificate.threshold), (certificate.reason,), tuple(warnings))


def cost_policy(settings: Settings, people: KnownPeople) -> tuple[Cost, tuple[str, ...]]:
    """Return the cost policy, and the source of its prices and accuracies: annotators, else [cost]."""
    cost, labels = settings.cost, settings.label_set
    n_blind = max(settings.selection.overlap, settings.consensus.audit_answers)
    quick, why_quick = _quick_review(cost, len(labels), people.quick)
    full, why_full = _full_review(cost, len(labels), people, n_blind)
    errors = error_costs(cost, labels)
    return Cost(errors.base, quick, full, labels.names, errors.factors), (why_quick, why_full)


def error_costs(cost: CostSettings, labels: LabelSet) -> ErrorCosts:
    """Return the cost of taking one label for another, as the settings say."""
    pairs = [[cost.of_error(true, taken) for taken in labels] for true in labels]
    base = tuple(tuple(pair.plus for pair in row) for row in pairs)
    factors = tuple(tuple(pair.factor for pair in row) for row in pairs)
    return ErrorCosts(base, factors if any(map(any, factors)) else ())


def _quick_review(cost: CostSettings, n_labels: int, known: Answered | None) -> tuple[Review, str]:
    seconds, why = _seconds(known, cost.quick_s)
    answers, how_right = _answers(known, cost.quick_accuracy, n_labels)
    parts = [
        StakedReview(least, _review(_seconds(part, seconds)[0], cost, _shrunk(part, answers)))
        for least, part in (known.by_stake if known else ())
    ]
    review = replace(_review(seconds, cost, answers), by_stake=tuple(parts))
    return review, f"a quick review takes {why}, {how_right}{_apart(parts)}"


def _full_review(cost: CostSettings, n_labels: int, people: KnownPeople, n_blind: int) -> tuple[Review, str]:
    if people.blind is None:
        answers = _one_coin(cost.full_accuracy, n_labels)
        why = f"a full review takes {cost.full_s:.0f} s and is right {cost.full_accuracy:.1%}, from [cost]"
        return _review(cost.full_s, cost, answers), why
    blind_s, why = _seconds(people.blind, cost.full_s / n_blind)
    deciding_s, _ = _seconds(people.adjudicating, blind_s)
    blind, how_right = _answers(people.blind, cost.quick_accuracy, n_labels)
    deciding, _ = _answers(people.adjudicating, float(blind.diagonal().mean()), n_labels)
    answers, differ = joined_answers(blind, deciding, n_blind)

    def joined(each_s: float, each: Floats) -> Review:
        right, disputed = joined_answers(each, deciding, n_blind)
        return _review(n_blind * each_s + float(disputed.mean()) * deciding_s, cost, right)

    parts = [
        StakedReview(least, joined(_seconds(part, blind_s)[0], _shrunk(part, blind)))
        for least, part in people.blind.by_stake
    ]
    review = replace(joined(blind_s, blind), by_stake=tuple(parts))
    why = (
        f"a full review is {n_blind} blind answers, each {why}, {how_right}; {differ.mean():.0%} differ and "
        f"are adjudicated: {60 * review.minutes:.0f} s in all, right {answers.diagonal().mean():.1%}"
        f"{_apart(parts)}"
    )
    return review, why


def _apart(parts: Sequence[StakedReview]) -> str:
    if not parts:
        return ""
    return f", and apart for stakes from {', '.join(f'{one.least:g}' for one in parts)} on"


def _shrunk(part: Answered, answers: Floats) -> Floats:
    """Return the answers (n_labels, n_labels) about one part of the stakes, shrunk to those about all."""
    smoothed = np.asarray(part.counts, dtype=np.float64) + PRIOR_ANSWERS * answers
    return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True))


def _review(seconds: float, cost: CostSettings, answers: Floats) -> Review:
    minutes = seconds / 60
    return Review(minutes * cost.minute, _matrix(answers), minutes)


def joined_answers(blind: Floats, deciding: Floats, n_blind: int) -> tuple[Floats, Floats]:
    """Return the labels of a full review (n_labels, n_labels), and how often blind answers differ.

    A share ALIKE of the samples is answered by all as by one annotator, the rest independently.
    """
    agreed = ALIKE * blind + (1 - ALIKE) * blind**n_blind
    dispute = 1 - agreed.sum(axis=1)
    return agreed + dispute[:, None] * deciding, dispute


def _seconds(known: Answered | None, fallback_s: float) -> tuple[float, str]:
    n = 0 if known is None else len(known.seconds)
    if known is None or n < MIN_N:
        return fallback_s, f"{fallback_s:.0f} s (from [cost]; only {n} times are known)"
    mean_s = float(np.mean(known.seconds))
    return mean_s, f"{mean_s:.0f} s (mean of {n})"


def _answers(known: Answered | None, accuracy: float, n_labels: int) -> tuple[Floats, str]:
    """Return the answers to each true label, shrunk to one accuracy, which is shrunk to `accuracy`."""
    counts = np.zeros((n_labels, n_labels)) if known is None else np.asarray(known.counts, dtype=np.float64)
    right = float((np.trace(counts) + PRIOR_ANSWERS * accuracy) / (counts.sum() + PRIOR_ANSWERS))
    smoothed = counts + PRIOR_ANSWERS * _one_coin(right, n_labels)
    answers = smoothed / smoothed.sum(axis=1, keepdims=True)
    source = f"of {counts.sum():.0f} answers" if counts.sum() else "from [cost]"
    return answers, f"right {right:.1%} ({source})"


def _one_coin(accuracy: float, n_labels: int) -> Floats:
    spread = np.full((n_labels, n_labels), (1 - accuracy) / (n_labels - 1))
    np.fill_diagonal(spread, accuracy)
    return spread


def _matrix(values: Floats) -> Matrix:
    return tuple(map(tuple, values.tolist()))
