"""Automation bias: how much more often annotators accept a wrong suggestion when they see it.

Permanent random numbers draw two equally large shares of the review tasks beforehand. In the *hidden* arm the
suggestion is not shown; in the *shown* arm it always is. Tasks of both arms get one more blind answer from
somebody else, and an adjudicator where the two differ, so the true label is found in the same way in both
arms. Only these tasks count: further answers to other tasks were requested because the posterior was low,
that is, because annotators disagreed with the model, and counting them would make the automation bias look
smaller.

A wrong suggestion that both the answer and the blind answer repeat stays undetected. Simulated, a gap of 0.27
is measured as 0.25 where one blind answer in ten repeats it; docs/decisions/0010-anchoring.md has more.

>>> gap = gap_of_counts(None, shown=(18, 40), hidden=(6, 40))  # wrong suggestions: (accepted, all)
>>> str(gap.shown), str(gap.hidden)
('0.450 [0.31, 0.60], n=40', '0.150 [0.07, 0.29], n=40')
>>> str(gap.difference)
'0.300 [0.10, 0.47], n=80'
>>> gap_of_counts("cat", shown=(3, 4), hidden=(0, 2)).shortage
'too few: 4 wrong suggestions shown and 2 hidden; at least 10 of each are needed'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, log, sqrt
from statistics import NormalDist, median
from typing import Any

from scipy.stats import binom

from goldloop.annotators.pace import MAX_DECISION_S
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.annotations import Answer
from goldloop.core.chance import Arm
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.stats.metrics import Z_95, Estimate, share_estimate, wilson

MIN_PER_ARM = 10  # wrong suggestions, or decision times, in each arm; below it intervals are too wide


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer of the two arms. `truth` is None while the true label is unknown.

    `lead_time_s` is None where the answer was edited, took over an hour or has no time.
    """

    suggested_label: str
    answer_label: str
    truth: str | None
    is_shown: bool
    lead_time_s: float | None
    sample_id: SampleId | None = None

    @property
    def is_wrongly_suggested(self) -> bool:
        """Whether the suggestion is known to be wrong."""
        return self.truth is not None and self.truth != self.suggested_label


def observations(
    answers: Iterable[Answer], decisions: Mapping[SampleId, str], arms: Mapping[SampleId, Arm]
) -> list[Observation]:
    """Return one observation for each sample of the two arms whose review task was answered, by sample_id.

    `arms` holds the arm of each planned task; a missing sample is in neither arm. The first answer with a
    label is the observed one. The true label is the adjudicator's decision (`decisions`). Without a decision
    it is the observed label if the next blind answer of somebody else agrees, else the label that two
    annotators give blind. Consensus is not used, because it uses the model that made the suggestion.
    """
    of_sample: dict[SampleId, list[Answer]] = {}
    for answer in sorted(answers, key=lambda answer: (answer.created_at, answer.annotation_id)):
        if not answer.is_skip and answer.purpose.has_votes:
            of_sample.setdefault(answer.sample_id, []).append(answer)
    observed = []
    for sample_id, given in sorted(of_sample.items()):
        arm = arms.get(sample_id, Arm.UNTESTED)
        tested = next((answer for answer in given if answer.purpose is Purpose.REVIEW), None)
        if arm is Arm.UNTESTED or tested is None or tested.suggested_label is None:
            continue
        if tested.is_shown is not (arm is Arm.SHOWN):
            continue  # not shown as planned, so it belongs to neither arm
        blind = [answer for answer in given if answer is not tested and not answer.is_shown]
        observed.append(
            Observation(
                suggested_label=tested.suggested_label,
                answer_label=str(tested.label),
                truth=decisions.get(sample_id) or _truth_of(tested, blind),
                is_shown=tested.is_shown,
                lead_time_s=None if tested.is_edited else _decision_s(tested),
                sample_id=sample_id,
            )
        )
    return observed


def _decision_s(answer: Answer) -> float | None:
    return answer.lead_time_s if (answer.lead_time_s or 0) <= MAX_DECISION_S else None


def _truth_of(tested: Answer, blind: Sequence[Answer]) -> str | None:
    others = [answer.label for answer in blind if answer.annotator != tested.annotator]
    if others and others[0] == tested.label:
        return tested.label
    # An annotator who later answers the same sample blind and changes their mind no longer disagrees with
    # anybody, so no adjudicator is asked. Without these samples exactly the adopted errors would be missing.
    who_said: dict[str | None, str] = {}
    for answer in blind:
        if who_said.setdefault(answer.label, answer.annotator) != answer.annotator:
            return answer.label
    return None


def observations_of(outcomes: Outcomes) -> list[Observation]:
    """Return the observations of both arms so far."""
    decisions = {
        outcome.evidence.sample_id: outcome.evidence.decision.label
        for outcome in outcomes.samples
        if outcome.evidence.decision is not None and outcome.evidence.decision.label is not None
    }
    arms = {outcome.evidence.sample_id: outcome.evidence.arm for outcome in outcomes.samples}
    return observations(outcomes.answers, decisions, arms)


@dataclass(frozen=True, slots=True)
class AdoptionGap:
    """P(answer = suggestion | suggestion wrong, shown) - P(same | hidden), for one suggested label or all.

    `n_shown` and `n_hidden` count the wrong suggestions of each arm; `shown` and `hidden` are the shares of
    them that were adopted. `difference` is None while an arm has fewer than MIN_PER_ARM wrong suggestions.
    """

    label: str | None
    n_shown: int
    n_hidden: int
    shown: Estimate | None
    hidden: Estimate | None
    difference: Estimate | None

    @property
    def shortage(self) -> str | None:
        """What is missing for the difference, as a sentence; None when nothing is missing."""
        if self.difference is not None:
            return None
        return (
            f"too few: {self.n_shown} wrong suggestions shown and {self.n_hidden} hidden; "
            f"at least {MIN_PER_ARM} of each are needed"
        )


def adjusted_difference(n_ones: int, n: int, n_other_ones: int, n_other: int) -> tuple[float, float]:
    """Return the difference of two independent shares and its variance, after [agresticaffo2000].

    One success and one failure are added to each. The interval is the difference +- 1.96 standard errors.
    Enumerated over arms of 5 to 100 and gaps of 0 to 0.5 it covers at least 93.8 %; Newcombe's hybrid score
    interval, the other candidate, covers at least 92.3 %.
    """
    first, second = (n_ones + 1) / (n + 2), (n_other_ones + 1) / (n_other + 2)
    return first - second, first * (1 - first) / (n + 2) + second * (1 - second) / (n_other + 2)


def gap_of_counts(label: str | None, *, shown: tuple[int, int], hidden: tuple[int, int]) -> AdoptionGap:
    """Return the gap from the (adopted, all) wrong suggestions of each arm.

    The value is the plain difference of the two shares, which is unbiased. Its 95 % interval is that of
    `adjusted_difference`, widened where needed to contain the value.
    """
    difference = None
    if min(shown[1], hidden[1]) >= MIN_PER_ARM:
        value = shown[0] / shown[1] - hidden[0] / hidden[1]
        centre, variance = adjusted_difference(*shown, *hidden)
        half = Z_95 * sqrt(variance)
        low, high = max(-1.0, centre - half), min(1.0, centre + half)
        difference = Estimate(value, min(value, low), max(value, high), n=shown[1] + hidden[1])
    return AdoptionGap(label, shown[1], hidden[1], _share(*shown), _share(*hidden), difference)


def _share(n_ones: int, n: int) -> Estimate | None:
    return Estimate(n_ones / n, *wilson(n_ones / n, n), n=n) if n else None


def adoption_gap(seen: Iterable[Observation], *, label: str | None = None) -> AdoptionGap:
    """Return the adoption gap over the wrong suggestions in `seen`, those of `label` when it is given."""
    wrong = [
        observed
        for observed in seen
        if observed.is_wrongly_suggested and label in (None, observed.suggested_label)
    ]
    shown, hidden = (
        [seen.answer_label == seen.suggested_label for seen in wrong if seen.is_shown is is_shown]
        for is_shown in (True, False)
    )
    return gap_of_counts(label, shown=(sum(shown), len(shown)), hidden=(sum(hidden), len(hidden)))


def accuracy_by_arm(seen: Sequence[Observation]) -> dict[tuple[bool, bool], Estimate]:
    """Return the share of right answers by (suggestion is shown, suggestion is right), if any."""
    hits: dict[tuple[bool, bool], list[bool]] = {}
    for observed in seen:
        if observed.truth is not None:
            case = (observed.is_shown, not observed.is_wrongly_suggested)
            hits.setdefault(case, []).append(observed.answer_label == observed.truth)
    return {case: share_estimate(hits[case]) for case in sorted(hits)}


def time_ratio(seen: Iterable[Observation]) -> Estimate | None:
    """Return the median decision time with a suggestion over that without one; below 1 suggestions save time.

    None while an arm has fewer than MIN_PER_ARM times. Breaks are not removed: each moves a median by at most
    one place. The interval, on the logarithm, is that of [pricebonett2002].
    """
    times = [(observed.is_shown, observed.lead_time_s) for observed in seen]
    timed = [(is_shown, log(seconds)) for is_shown, seconds in times if seconds is not None and seconds > 0]
    shown = sorted(seconds for is_shown, seconds in timed if is_shown)
    hidden = sorted(seconds for is_shown, seconds in timed if not is_shown)
    if min(len(shown), len(hidden)) < MIN_PER_ARM:
        return None
    value = median(shown) - median(hidden)
    half = Z_95 * sqrt(_variance_of_median(shown) + _variance_of_median(hidden))
    return Estimate(exp(value), exp(value - half), exp(value + half), n=len(timed))


def _variance_of_median(ordered: Sequence[float]) -> float:
    """Return the variance from two order statistics and the coverage of their interval [pricebonett2002]."""
    n = len(ordered)
    place = max(1, round((n + 1) / 2 - sqrt(n)))
    coverage = 1 - 2 * float(binom.cdf(place - 1, n, 0.5))
    z = NormalDist().inv_cdf((1 + coverage) / 2)
    return float(((ordered[n - place] - ordered[place - 1]) / (2 * z)) ** 2)


@dataclass(frozen=True, slots=True)
class AutomationBias:
    """All figures of the two arms: `gap` over all labels, `by_label` one for each, in label-set order.

    Of `n_open` observations the true label is not known yet; `accuracy` is what `accuracy_by_arm` returns.
    """

    n_shown: int
    n_hidden: int
    n_open: int
    gap: AdoptionGap
    by_label: tuple[AdoptionGap, ...]
    accuracy: Mapping[tuple[bool, bool], Estimate]
    time_ratio: Estimate | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON knows them; accuracies are a list, as JSON has no pairs for keys."""
        return asdict(self) | {
            "accuracy": [
                {"is_shown": is_shown, "is_right": is_right, **asdict(share)}
                for (is_shown, is_right), share in self.accuracy.items()
            ]
        }


def measure_automation_bias(seen: Sequence[Observation], *, labels: LabelSet) -> AutomationBias:
    """Return every figure about automation bias, given all observations so far."""
    return AutomationBias(
        n_shown=sum(observed.is_shown for observed in seen),
        n_hidden=sum(not observed.is_shown for observed in seen),
        n_open=sum(observed.truth is None for observed in seen),
        gap=adoption_gap(seen),
        by_label=tuple(adoption_gap(seen, label=label) for label in labels),
        accuracy=accuracy_by_arm(seen),
        time_ratio=time_ratio(seen),
    )
