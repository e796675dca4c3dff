"""Anchoring: how far a shown suggestion pulls people towards it, and what it saves them.

Permanent random numbers draw two equally large shares of the review tasks beforehand. In the *hidden* arm the
suggestion is not shown; in the *checked* arm it always is. Both get one more answer, blind and by somebody
else, and where the two differ an adjudicator decides, so truth is found alike in both arms. Only these tasks
enter the figures: further answers to other tasks were asked because the posterior was low, that is because
people had disagreed with the model, and counting those would make people look less led than they are.

What stays undetected is a wrong suggestion that the answer and the blind answer both repeat. Simulated, a gap
of 0.27 is read as 0.25 where one blind answer in ten repeats it; docs/decisions/0010-anchoring.md has more.
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
    with a label is the one under test. Truth is the adjudicator's decision (`decisions`); without one, what
    the next blind answer of somebody else says too, or else the label that two people give blind. Consensus
    is not asked, because it leans on the model that made the suggestion.
    """
    of_sample: dict[SampleId, list[Answer]] = {}
    for one in answers:
        if one.label is not None and one.purpose.has_votes:
            of_sample.setdefault(one.sample_id, []).append(one)
    found = []
    for sample_id, all_of_it in sorted(of_sample.items()):
        arm = arms.get(sample_id, Arm.UNTESTED)
        ordered = sorted(all_of_it, key=lambda one: (one.created_at, one.annotation_id))
        tested = next((one for one in ordered if one.purpose is Purpose.REVIEW), None)
        if arm is Arm.UNTESTED or tested is None or tested.suggested_label is None or tested.label is None:
            continue
        if tested.is_shown is not (arm is Arm.SHOWN):
            continue  # not what was planned: no evidence on either
        blind = [one for one in ordered if one is not tested and not one.is_shown]
        found.append(
            Observation(
                suggested_label=tested.suggested_label,
                answer_label=tested.label,
                truth=decisions.get(sample_id) or _settled(tested, blind),
                is_shown=tested.is_shown,
                lead_time_s=None if tested.is_edited else tested.lead_time_s,
            )
        )
    return found


def _settled(tested: Answer, blind: Sequence[Answer]) -> str | None:
    others = [one.label for one in blind if one.annotator != tested.annotator]
    if others and others[0] == tested.label:
        return tested.label
    # Whoever meets the sample again blind and thinks better of it no longer disagrees with anybody, so no
    # adjudicator is asked; leaving such samples open would lose just those who had been led.
    people_by_label: dict[str, set[str]] = {}
    for one in blind:
        people = people_by_label.setdefault(one.label or "", set())
        people.add(one.annotator)
        if len(people) > 1:
            return one.label
    return None


def observations_of(outcomes: Outcomes) -> list[Observation]:
    """Return what the two arms of anchoring have seen so far."""
    decisions = {
        one.evidence.sample_id: one.evidence.decision.label
        for one in outcomes.samples
        if one.evidence.decision is not None and one.evidence.decision.label is not None
    }
    arms = {one.evidence.sample_id: one.evidence.arm for one in outcomes.samples}
    return observations(outcomes.answers, decisions, arms)
