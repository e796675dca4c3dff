"""Outcomes: what all evidence says of each sample now, the gold that follows, and what is still missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.fit import Consensus, ConsensusFit, Method, fit_consensus
from goldloop.consensus.next_step import Step, is_gold, next_step
from goldloop.consensus.reading import evidence_of
from goldloop.core.answers import Answer
from goldloop.core.arms import Arm
from goldloop.core.planned_tasks import TaskStatus
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldChange, GoldRecord
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class SampleOutcome:
    """What is known of one sample, what it comes to, and what the sample needs next."""

    evidence: SampleEvidence
    consensus: Consensus
    step: Step

    @property
    def is_gold(self) -> bool:
        """Whether the label counts."""
        return is_gold(self.evidence.state, self.consensus)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes on all samples that people were asked about, and what they rest on.

    `fit` is about the same samples in the same order.
    """

    samples: Sequence[SampleOutcome]
    fit: ConsensusFit
    answers: Sequence[Answer]


def find_outcomes(
    tasks: Mapping[str, TaskStatus],
    answers: Sequence[Answer],
    n_wanted: Mapping[str, int],
    settings: Settings,
    *,
    earlier: Outcomes | None = None,
) -> Outcomes:
    """Return the outcome of every sample that annotators were asked about.

    `n_wanted` is how many answers in all are wanted, by key, where that is more than one. The fit of `earlier`
    outcomes is taken over where votes are still the same: finding it takes a while.
    """
    evidence = evidence_of(tasks, answers, n_wanted, settings)
    voted = [known.voted for known in evidence]
    if earlier is not None and voted == [sample.evidence.voted for sample in earlier.samples]:
        fit = earlier.fit
    else:
        fit = fit_consensus(
            voted,
            settings.label_set,
            method=Method(settings.consensus.method),
            target=settings.consensus.target,
            overlap=1,  # whether enough annotators have answered is the business of `next_step.is_gold`
        )
    samples = [
        SampleOutcome(known, consensus, _step(known, consensus, settings))
        for known, consensus in zip(evidence, fit.consensus, strict=True)
    ]
    return Outcomes(samples, fit, answers)


def _step(evidence: SampleEvidence, consensus: Consensus, settings: Settings) -> Step:
    """Return what the sample needs next; first answers come in full, whatever the cap."""
    cap = max(settings.consensus.max_answers, evidence.state.n_first)
    return next_step(evidence.state, consensus, max_answers=cap)


def gold_records(outcomes: Iterable[SampleOutcome]) -> list[GoldRecord]:
    """Return the records of the samples whose label counts, in order of sample_id."""
    return [
        _record(one.evidence, one.consensus, one.consensus.label)
        for one in outcomes
        if one.is_gold and one.consensus.label
    ]


def _record(evidence: SampleEvidence, found: Consensus, label: str) -> GoldRecord:
    plan = evidence.plan
    answers = [*evidence.votes, *([evidence.decision] if evidence.decision else [])]
    votes = Counter(one.label for one in evidence.votes if one.label is not None)
    return GoldRecord(
        sample_id=evidence.sample_id,
        label=label,
        split=plan.split,
        group=plan.group,
        purpose=evidence.purpose,
        method=found.method,
        support=found.support,
        n_votes=found.n_votes,
        votes=dict(sorted(votes.items())),
        posterior=found.posterior,
        batch=plan.batch,
        lane=plan.lane,
        policy=plan.policy or "",
        inclusion_probability=plan.inclusion_probability,
        model_version=plan.model_version,
        suggested_label=plan.suggested_label,
        annotators=tuple(sorted({one.annotator for one in answers})),
        annotation_ids=tuple(sorted(one.annotation_id for one in answers)),
        labelled_at=max(one.updated_at for one in answers),
    )


def relabeled(outcomes: Iterable[SampleOutcome]) -> set[SampleId]:
    """Return the samples at which somebody has taken a second look because they were in doubt."""
    return {
        one.evidence.sample_id
        for one in outcomes
        if one.evidence.arm is Arm.UNTESTED
        and any(vote.purpose is Purpose.RECHECK for vote in one.evidence.votes)
    }


def reason_of(changes: Iterable[GoldChange], looked_at: Collection[SampleId] = ()) -> str:
    """Return why a pull made a new gold version: how many labels are new, corrected, adjudicated."""
    kinds = Counter(_kind(one, is_looked_at=one.sample_id in looked_at) for one in changes)
    told = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items(), key=lambda one: (-one[1], one[0])))
    return f"pull: {told}" if told else "pull"


def _kind(change: GoldChange, *, is_looked_at: bool) -> str:
    before, after = change.before, change.after
    if after is None:
        return "put in doubt by a second look" if is_looked_at else "no longer sure"
    if after.method.startswith("adjudication") and (before is None or before.method != after.method):
        return "adjudicated"
    if before is not None and before.label == after.label:
        return "reweighed"
    if is_looked_at:
        return "settled by a second look"
    return "new" if before is None else "corrected"


def n_by_step(outcomes: Iterable[SampleOutcome]) -> dict[Step, int]:
    """Return how many of the samples that somebody has answered need what next, but for those in gold."""
    begun = [one for one in outcomes if one.evidence.votes or one.evidence.skips]
    return dict(Counter(one.step for one in begun if one.step is not Step.NOTHING))


def open_audit_note(outcomes: Iterable[SampleOutcome]) -> str | None:
    """Return what unsettled audit samples do to accuracy on holdout, as a sentence; None when there are none.

    People disagree about hard samples, so as long as those are missing the models look better than they are.
    """
    begun = [
        one
        for one in outcomes
        if one.evidence.purpose is Purpose.AUDIT and (one.evidence.votes or one.evidence.skips)
    ]
    n_open = sum(not one.is_gold for one in begun)
    if not n_open:
        return None
    return (
        f"{n_open} of {len(begun)} answered audit samples are not settled yet (a second answer or adjudicator is "
        f"missing); they are harder than the rest, so accuracy on holdout may read too high by up to "
        f"{n_open / len(begun):.1%}"
    )
