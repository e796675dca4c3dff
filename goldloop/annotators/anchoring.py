"""Observations: one answer of each review task of the two arms, for measuring automation bias.

Permanent random numbers draw two equally large shares of the review tasks beforehand. In the *hidden* arm the
suggestion is not shown; in the *shown* arm it always is. Tasks of both arms get one more blind answer from
somebody else, and an adjudicator where the two differ, so the true label is found in the same way in both
arms. Only these tasks count: further answers to other tasks were requested because the posterior was low,
that is, because annotators disagreed with the model, and counting them would make the automation bias look
smaller.

A wrong suggestion that both the answer and the blind answer repeat stays undetected. Simulated, a gap of 0.27
is measured as 0.25 where one blind answer in ten repeats it; docs/decisions/0010-anchoring.md has more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from goldloop.consensus.outcomes import Outcomes
from goldloop.core.answers import Answer
from goldloop.core.arms import Arm
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose


@dataclass(frozen=True, slots=True)
class Observation:
    """One answer of the two arms. `truth` is None while the true label is unknown.

    `lead_time_s` is None where the answer was edited or the browser reported none.
    """

    suggested_label: str
    answer_label: str
    truth: str | None
    is_shown: bool
    lead_time_s: float | None

    @property
    def is_adopted(self) -> bool:
        """Whether the answer equals the suggestion, shown or hidden."""
        return self.answer_label == self.suggested_label

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
                lead_time_s=None if tested.is_edited else tested.lead_time_s,
            )
        )
    return observed


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
