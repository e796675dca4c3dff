"""What follows from changed answers for the samples that they touch, where the others stand as they stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from goldloop.consensus import settled_votes
from goldloop.consensus.admission import admit
from goldloop.consensus.estimates import read_estimates
from goldloop.consensus.evidence import answers_of
from goldloop.consensus.next_step import Step
from goldloop.consensus.outcomes import Outcomes, find_outcomes
from goldloop.consensus.votes import VotedSample
from goldloop.core.annotations import StoredAnnotation
from goldloop.core.planned_tasks import Event
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose, task_key
from goldloop.labeling.cases import Case, case_of, n_tested
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up_choice import Choice, chosen_follow_ups
from goldloop.labeling.partial_news import Known, merged
from goldloop.labeling.standing import BASIS, Standing


@dataclass(frozen=True, slots=True)
class Derived:
    """What is `known` of the touched samples and written (`put`), their outcomes, and what follows."""

    known: Known
    put: Sequence[StoredAnnotation]
    before: Outcomes
    after: Outcomes
    cases: Mapping[SampleId, Case]
    choice: Choice
    standing: Standing


def outcomes_of(context: LabelingContext, standing: Standing, known: Known) -> Outcomes:
    """Return the outcomes of some samples by the estimates of the standing."""
    admission = admit(known.annotations, context.settings.label_set)
    return find_outcomes(
        known.tasks,
        answers_of(known.tasks, admission.admitted, known.closed_at),
        known.requests.n_wanted,
        context.settings,
        admission=admission,
        estimates=read_estimates(standing.estimates, BASIS),
    )


def cases_of(context: LabelingContext, known: Known, outcomes: Outcomes) -> dict[SampleId, Case]:
    """Return the cases of some samples."""
    live = {key for key, task in known.tasks.items() if task.is_live}
    tested, gains = n_tested(known.requests.requests), outcomes.fit.expected_gain().tolist()
    return {
        outcome.evidence.sample_id: case_of(
            outcome,
            gain,
            live=live,
            n_wanted=known.requests.n_wanted,
            n_tested=tested,
            settings=context.settings,
        )
        for outcome, gain in zip(outcomes.samples, gains, strict=True)
    }


def derived_of(
    context: LabelingContext, standing: Standing, known: Known, put: Sequence[StoredAnnotation]
) -> Derived | None:
    """Return what follows for the touched samples; None where the estimates would follow from other votes."""
    later = merged(known, put)
    before, after = (outcomes_of(context, standing, one) for one in (known, later))
    old = {one.evidence.sample_id: one.evidence.voted for one in before.samples}
    new = {one.evidence.sample_id: one.evidence.voted for one in after.samples}
    n_votes = standing.n_votes + _n_votes(new.values()) - _n_votes(old.values())
    until = standing.settled_until
    if until is not None:
        is_other = settled_votes.n_settled(n_votes) != settled_votes.n_settled(standing.n_votes)
        if is_other or n_votes <= settled_votes.ALL_UP_TO:
            return None
        if old.keys() != new.keys() or not all(_is_settled_alike(old[key], new[key], until) for key in old):
            return None
    cases = cases_of(context, later, after)
    spent = replace(
        standing.spent,
        people=standing.spent.people.union(*(case.voters for case in cases.values())),
        n_votes=n_votes,
    )
    now = with_cases(replace(standing, spent=spent, n_votes=n_votes), cases_of(context, known, before), cases)
    choice = chosen_follow_ups(now.cases, spent, context.settings)
    return Derived(known, put, before, after, cases, choice, now)


def _n_votes(voted: Iterable[VotedSample]) -> int:
    return sum(len(sample.votes) for sample in voted)


def _is_settled_alike(old: VotedSample, new: VotedSample, until: int) -> bool:
    """Return whether the settled votes are the same, and what the estimates take of their sample."""

    def settled(sample: VotedSample) -> dict[str, tuple[str, str | None, int]]:
        return {
            who: (label, sample.shown.get(who), sample.given_at[who])
            for who, label in sample.votes.items()
            if sample.given_at[who] <= until
        }

    def decided(sample: VotedSample) -> str | None:
        return sample.decision if sample.decided_at <= until else None

    votes = settled(old)
    return votes == settled(new) and (not votes or (old.probs == new.probs and decided(old) == decided(new)))


def with_cases(
    standing: Standing, before: Mapping[SampleId, Case], after: Mapping[SampleId, Case]
) -> Standing:
    """Return `standing` with the cases of some samples as they are now, in place of those `before`."""
    steps = Counter(dict(standing.steps))
    for sign, cases in ((-1, before), (1, after)):
        for case in cases.values():
            if case.is_begun and case.step is not Step.NOTHING:
                steps[str(case.step)] += sign
    kept = [case for case in standing.cases if case.sample_id not in after]
    calling = [case for case in after.values() if case.calls]
    in_order = sorted((*kept, *calling), key=lambda case: case.sample_id)
    return replace(standing, steps=dict(steps), cases=tuple(in_order))


def is_settled_dispute(known: Known, outcomes: Outcomes) -> bool:
    """Return whether a sample that an adjudicator was asked about is gold without a decision."""
    return any(
        outcome.gold_label
        and outcome.evidence.decision is None
        and (task := known.tasks.get(task_key(outcome.evidence.sample_id, Purpose.ADJUDICATION))) is not None
        and task.event is Event.PUSHED
        for outcome in outcomes.samples
    )
