"""Outcomes: what all evidence says of each sample now, the gold that follows, and what is still missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from goldloop.annotators.anchoring import Observation, observations
from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.fit import Consensus, ConsensusFit, Method, VotedSample, fit_consensus
from goldloop.consensus.next_step import Step, is_gold, next_step
from goldloop.consensus.reading import read_answers, read_evidence
from goldloop.core.answers import Answer
from goldloop.core.arms import Arm
from goldloop.core.ports import Tables
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldChange, GoldRecord
from goldloop.settings import Settings
from goldloop.tables.answer_requests import AnswerRequests
from goldloop.tables.task_log import TaskLog


@dataclass(frozen=True, slots=True)
class SampleOutcome:
    """What is known of one sample, what it comes to, and what the sample needs next."""

    evidence: SampleEvidence
    found: Consensus
    step: Step

    @property
    def is_gold(self) -> bool:
        """Whether the label counts."""
        return is_gold(self.evidence.state, self.found)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes on all samples that people were asked about, and what they rest on.

    `fit` is about the same samples in the same order.
    """

    samples: Sequence[SampleOutcome]
    fit: ConsensusFit
    answers: Sequence[Answer]


class OutcomeReader:
    """Reads the outcomes off the tables; consensus, which takes a while, is found anew only for new votes."""

    def __init__(
        self, tables: Tables, task_log: TaskLog, answer_requests: AnswerRequests, settings: Settings
    ) -> None:
        """Read `tables`, of which `task_log` and `asks` read two."""
        self._tables, self._ledger, self._requests_of, self._settings = (
            tables,
            task_log,
            answer_requests,
            settings,
        )
        self._cases: list[VotedSample] = []
        self._fit: ConsensusFit | None = None

    def __call__(self) -> Outcomes:
        """Return what the tables say now of every sample that people were asked about."""
        answers = read_answers(self._tables, self._ledger, self._settings.label_set)
        evidence_of = read_evidence(self._tables, self._ledger, self._requests_of, answers, self._settings)
        fit = self._consensus([one.voted for one in evidence_of])
        outcomes = [
            SampleOutcome(evidence, found, self._step(evidence, found))
            for evidence, found in zip(evidence_of, fit.consensus, strict=True)
        ]
        return Outcomes(outcomes, fit, answers)

    def _consensus(self, cases: list[VotedSample]) -> ConsensusFit:
        if self._fit is None or cases != self._cases:
            self._fit = fit_consensus(
                cases,
                self._settings.label_set,
                method=Method(self._settings.consensus.method),
                target=self._settings.consensus.target,
                overlap=1,  # whether enough people have answered is `asking.is_gold`'s business
            )
            self._cases = cases
        return self._fit

    def _step(self, evidence: SampleEvidence, found: Consensus) -> Step:
        """Return what the sample needs next; first answers come in full, whatever the cap."""
        cap = max(self._settings.consensus.max_answers, evidence.state.n_first)
        return next_step(evidence.state, found, max_answers=cap)


def read_outcomes(
    tables: Tables, task_log: TaskLog, answer_requests: AnswerRequests, settings: Settings
) -> Outcomes:
    """Return what the tables say now of every sample that people were asked about."""
    return OutcomeReader(tables, task_log, answer_requests, settings)()


def gold_records(outcomes: Iterable[SampleOutcome]) -> list[GoldRecord]:
    """Return the records of the samples whose label counts, in order of sample_id."""
    return [
        _record(one.evidence, one.found, one.found.label)
        for one in outcomes
        if one.is_gold and one.found.label
    ]


def _record(evidence: SampleEvidence, found: Consensus, label: str) -> GoldRecord:
    plan = evidence.plan
    answers = [*evidence.votes, *([evidence.decision] if evidence.decision else [])]
    votes = Counter(one.label for one in evidence.votes if one.label is not None)
    return GoldRecord(
        sample_id=evidence.sample_id,
        label=label,
        split=Split(plan["split"]),
        group=plan["group"],
        purpose=evidence.purpose,
        method=found.method,
        support=found.support,
        n_votes=found.n_votes,
        votes=dict(sorted(votes.items())),
        posterior=found.posterior,
        batch=BatchId(plan["batch"]),
        lane=plan["lane"] or "",
        policy=plan["policy"] or "",
        inclusion_probability=plan["inclusion_probability"],
        model_version=plan["model_version"],
        suggested_label=plan["suggested_label"],
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


def observations_of(outcomes: Outcomes) -> list[Observation]:
    """Return what the two arms of anchoring have seen so far."""
    decisions = {
        one.evidence.sample_id: one.evidence.decision.label
        for one in outcomes.samples
        if one.evidence.decision is not None and one.evidence.decision.label is not None
    }
    arms = {one.evidence.sample_id: one.evidence.arm for one in outcomes.samples}
    return observations(outcomes.answers, decisions, arms)
