"""Anchoring: how far a shown suggestion pulls people towards it, and what it saves them.

Permanent random numbers draw two equally large shares of the review tasks beforehand. In the *hidden* arm the
suggestion is not shown; in the *checked* arm it always is. Both get one more answer, blind and by somebody
else, and where the two differ an adjudicator decides, so truth is found alike in both arms. Only these tasks
enter the figures: further answers to other tasks were asked because the posterior was low, that is because
people had disagreed with the model, and counting those would make people look less led than they are.

What stays undetected is a wrong suggestion that the answer and the blind answer both repeat. With
probability q of a blind answer repeating it, an adoption p is read as p (1 - q) / (1 - p q), a gap of 0.30
at q = 0.10 as 0.29; docs/decisions/0010-anchoring.md has the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt
from statistics import NormalDist, median

from scipy.stats import binom

from goldloop.answers import Answer
from goldloop.metrics import Z_95, Estimate, share_estimate
from goldloop.samples import SampleId
from goldloop.selection import permanent_random
from goldloop.tasks import Purpose

MIN_PER_ARM = 10  # wrong suggestions, or decision times, in each arm; below it the intervals say nothing


class Arm(StrEnum):
    """What chance decided for a review task: hide its suggestion, show and check it, or neither."""

    HIDDEN = "hidden"
    CHECKED = "checked"
    PLAIN = "plain"


def arm_of(sample_id: SampleId, *, hidden_share: float, seed: int) -> Arm:
    """Return the arm of the sample's review task; a larger `hidden_share` (at most 0.5) only adds to both."""
    number = permanent_random(sample_id, seed, "anchoring")
    if number < hidden_share:
        return Arm.HIDDEN
    return Arm.CHECKED if number >= 1 - hidden_share else Arm.PLAIN


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer of the two arms. `truth` is None while nothing independent settles it.

    `lead_time_s` is None where the answer was edited or the browser reported none.
    """

    suggested_label: str
    answer_label: str
    truth: str | None
    is_shown: bool
    lead_time_s: float | None

    @property
    def is_adopted(self) -> bool:
        """Whether the answer is what the model suggested, or would have."""
        return self.answer_label == self.suggested_label

    @property
    def is_wrongly_suggested(self) -> bool:
        """Whether the suggestion is known to be wrong."""
        return self.truth is not None and self.truth != self.suggested_label


def observations(
    answers: Iterable[Answer], decisions: Mapping[SampleId, str], arms: Mapping[SampleId, Arm]
) -> list[Observation]:
    """Return one observation for each sample of the two arms whose review task was answered, by sample_id.

    `arms` says what was decided when the task was planned; samples it lacks count as plain. The first answer
    with a label is the one under test. Truth is the adjudicator's decision (`decisions`);
    without one, what the next blind answer of somebody else says too, or else the label that two blind
    answers of others share. Consensus is not asked, because it leans on the model that made the suggestion.
    """
    of_sample: dict[SampleId, list[Answer]] = {}
    for one in answers:
        if one.label is not None and one.purpose.has_votes:
            of_sample.setdefault(one.sample_id, []).append(one)
    found = []
    for sample_id, all_of_it in sorted(of_sample.items()):
        arm = arms.get(sample_id, Arm.PLAIN)
        ordered = sorted(all_of_it, key=lambda one: (one.created_at, one.annotation_id))
        tested = next((one for one in ordered if one.purpose is Purpose.REVIEW), None)
        if arm is Arm.PLAIN or tested is None or tested.suggested_label is None or tested.label is None:
            continue
        if tested.is_shown is not (arm is Arm.CHECKED):
            continue  # not what was planned: no evidence on either
        blind = [
            one.label
            for one in ordered
            if one.annotator != tested.annotator and one.label is not None and not one.is_shown
        ]
        found.append(
            Observation(
                suggested_label=tested.suggested_label,
                answer_label=tested.label,
                truth=decisions.get(sample_id) or _settled(tested.label, blind),
                is_shown=tested.is_shown,
                lead_time_s=None if tested.is_edited else tested.lead_time_s,
            )
        )
    return found


def _settled(answer: str, blind: Sequence[str]) -> str | None:
    if blind and blind[0] == answer:
        return answer
    return next((label for place, label in enumerate(blind) if label in blind[:place]), None)


@dataclass(frozen=True, slots=True)
class Gap:
    """P(answer = suggestion | suggestion wrong, shown) - P(same | hidden), for one suggested label or all.

    `n_shown` and `n_hidden` count the wrong suggestions of each arm, `shown` and `hidden` are the shares of
    them that were adopted. `difference` is None while an arm has fewer than MIN_PER_ARM.
    """

    label: str | None
    n_shown: int
    n_hidden: int
    shown: Estimate | None
    hidden: Estimate | None
    difference: Estimate | None

    @property
    def shortage(self) -> str | None:
        """What is missing before there is a figure, as a sentence; None when nothing is."""
        if self.difference is not None:
            return None
        return (
            f"too few: {self.n_shown} wrong suggestions shown and {self.n_hidden} hidden; "
            f"{MIN_PER_ARM} of each are needed"
        )


def adjusted_difference(n_ones: int, n: int, n_other_ones: int, n_other: int) -> tuple[float, float]:
    """Return the difference of two independent shares and its variance, each with two more answers.

    The two are one success and one failure. With them difference +- 1.96 standard errors is the interval of
    [agresticaffo2000]. Enumerated over arms of 5 to 100 and gaps of 0 to 0.5 it covers at least 93.8 %;
    Newcombe's hybrid score interval, the other candidate, fell to 92.3 %.
    """
    one, other = (n_ones + 1) / (n + 2), (n_other_ones + 1) / (n_other + 2)
    return one - other, one * (1 - one) / (n + 2) + other * (1 - other) / (n_other + 2)


def adoption_gap(seen: Iterable[Observation], *, label: str | None = None) -> Gap:
    """Return the adoption gap over the wrong suggestions in `seen`; over those of `label` when it is given.

    The value is the plain difference of the two shares, which is unbiased; its 95 % interval is that of
    `adjusted_difference`, widened to the value where the added answers moved it away.
    """
    wrong = [one for one in seen if one.is_wrongly_suggested and label in (None, one.suggested_label)]
    shown = [one.is_adopted for one in wrong if one.is_shown]
    hidden = [one.is_adopted for one in wrong if not one.is_shown]
    difference = None
    if min(len(shown), len(hidden)) >= MIN_PER_ARM:
        value = sum(shown) / len(shown) - sum(hidden) / len(hidden)
        centre, variance = adjusted_difference(sum(shown), len(shown), sum(hidden), len(hidden))
        half = Z_95 * sqrt(variance)
        low, high = max(-1.0, centre - half), min(1.0, centre + half)
        difference = Estimate(value, min(value, low), max(value, high), n=len(wrong))
    return Gap(
        label=label,
        n_shown=len(shown),
        n_hidden=len(hidden),
        shown=share_estimate(shown) if shown else None,
        hidden=share_estimate(hidden) if hidden else None,
        difference=difference,
    )


def accuracy_by_arm(seen: Sequence[Observation]) -> dict[tuple[bool, bool], Estimate]:
    """Return the share of true answers by (suggestion is shown, suggestion is right), where there are any."""
    hits: dict[tuple[bool, bool], list[bool]] = {}
    for one in seen:
        if one.truth is not None:
            case = (one.is_shown, not one.is_wrongly_suggested)
            hits.setdefault(case, []).append(one.answer_label == one.truth)
    return {case: share_estimate(hits[case]) for case in sorted(hits)}


def time_ratio(seen: Iterable[Observation]) -> Estimate | None:
    """Return the median decision time with a suggestion over that without one; below 1 it saves time.

    None while an arm has fewer than MIN_PER_ARM times. An idle pause stays in as one slow answer, however
    long it was: that moves a median by at most one place. The interval, on the logarithm, is that of
    [pricebonett2002].
    """
    timed = [one for one in seen if one.lead_time_s is not None and one.lead_time_s > 0]
    shown = sorted(log(one.lead_time_s or 1.0) for one in timed if one.is_shown)
    hidden = sorted(log(one.lead_time_s or 1.0) for one in timed if not one.is_shown)
    if min(len(shown), len(hidden)) < MIN_PER_ARM:
        return None
    value = median(shown) - median(hidden)
    half = Z_95 * sqrt(_variance_of_median(shown) + _variance_of_median(hidden))
    return Estimate(exp(value), exp(value - half), exp(value + half), n=len(timed))


def _variance_of_median(ordered: Sequence[float]) -> float:
    """Return it from two order statistics and the coverage of the interval they form [pricebonett2002]."""
    n = len(ordered)
    place = max(1, round((n + 1) / 2 - sqrt(n)))
    coverage = 1 - 2 * float(binom.cdf(place - 1, n, 0.5))
    z = NormalDist().inv_cdf((1 + coverage) / 2)
    return float(((ordered[n - place] - ordered[place - 1]) / (2 * z)) ** 2)
