"""Outcomes: the consensus and the next step of each sample, and the gold records that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from goldloop.consensus.admission import ALL_COUNT, Admission
from goldloop.consensus.estimates import Estimates
from goldloop.consensus.evidence import SampleEvidence, evidence_of
from goldloop.consensus.label import Consensus, ConsensusFit, Method, fit_consensus
from goldloop.consensus.next_step import Step, next_step
from goldloop.core.annotations import Answer
from goldloop.core.chance import Arm
from goldloop.core.imported_labels import KnownImport
from goldloop.core.planned_tasks import TaskStatus
from goldloop.core.ports import DerivedText
from goldloop.core.reported_outcomes import KnownOutcome, Placement
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldChange, GoldRecord
from goldloop.settings import Settings


@dataclass(frozen=True, slots=True)
class SampleOutcome:
    """The evidence about one sample, its consensus, and its next step."""

    evidence: SampleEvidence
    consensus: Consensus
    step: Step

    @property
    def gold_label(self) -> str | None:
        """The consensus label if it is gold."""
        return self.consensus.label if self.step is Step.NOTHING else None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcome of every sample that annotators were asked about, with the fit and the answers behind it.

    `fit` holds the same samples in the same order. `admission` holds the annotations that do not count.
    `unasked` is what became of samples that no annotator was asked about, `imported` what files said.
    """

    samples: Sequence[SampleOutcome]
    fit: ConsensusFit
    answers: Sequence[Answer]
    admission: Admission = ALL_COUNT
    unasked: Sequence[KnownOutcome] = ()
    imported: Sequence[KnownImport] = ()


def find_outcomes(
    tasks: Mapping[str, TaskStatus],
    answers: Sequence[Answer],
    n_wanted: Mapping[str, int],
    settings: Settings,
    *,
    earlier: Outcomes | None = None,
    admission: Admission = ALL_COUNT,
    reported: Mapping[SampleId, KnownOutcome] = MappingProxyType({}),
    imported: Mapping[SampleId, KnownImport] = MappingProxyType({}),
    kept: DerivedText | None = None,
    estimates: Estimates | None = None,
) -> Outcomes:
    """Return the outcome of every sample that annotators were asked about.

    `n_wanted` is the number of answers that goldloop wants, by key, where it is more than one. When no vote
    has changed since `earlier`, its fit is used again, because a new fit takes seconds. `admission` holds the
    annotations that do not count. `reported` is what became of samples, `imported` the labels that files
    said; one whose label is not in the label set does not count. `kept` keeps the estimates of the consensus,
    and `estimates` are taken as they are.
    """
    reported = {key: one for key, one in reported.items() if one.label in settings.label_set}
    before = {one.evidence.sample_id: one.evidence for one in earlier.samples} if earlier else {}
    n_lost = admission.n_lost(tasks)
    evidence = evidence_of(tasks, answers, n_wanted, settings, n_lost, reported=reported, earlier=before)
    rule = settings.consensus
    voted = [sample.voted for sample in evidence]
    if earlier is not None and voted == [sample.evidence.voted for sample in earlier.samples]:
        fit = earlier.fit
    else:
        fit = fit_consensus(
            voted,
            settings.label_set,
            method=Method(rule.method),
            target=rule.target,
            kept=kept,
            estimates=estimates,
        )
    samples = [
        SampleOutcome(sample, consensus, next_step(sample, consensus, max_answers=rule.max_answers))
        for sample, voted in zip(evidence, fit.consensus, strict=True)
        for consensus in [_reported(sample.reported) if sample.reported else voted]
    ]
    asked = {sample.sample_id for sample in evidence}
    unasked = [one for key, one in reported.items() if key not in asked]
    files_said = [one for one in imported.values() if one.label in settings.label_set]
    return Outcomes(samples, fit, answers, admission, unasked, files_said)


def _reported(known: KnownOutcome) -> Consensus:
    return Consensus(known.label, f"{Purpose.OUTCOME}/1", {known.label: 1.0})


def gold_records(outcomes: Outcomes) -> list[GoldRecord]:
    """Return the record of each sample whose label is gold, in order of sample_id.

    A sample that nobody was asked about is gold by its reported outcome, once it has a placement. What a file
    said is gold while no annotator says other than the file, and no audit asks about the sample.
    """
    asked = [_record(outcome, label) for outcome in outcomes.samples if (label := outcome.gold_label)]
    unasked = [_outcome_record(one, one.placement) for one in outcomes.unasked if one.placement]
    known = {record.sample_id for record in (*asked, *unasked)}
    evidence = {one.evidence.sample_id: one.evidence for one in outcomes.samples} if outcomes.imported else {}
    files_said = [
        _import_record(one)
        for one in outcomes.imported
        if one.sample_id not in known and _is_undisputed(one, evidence.get(one.sample_id))
    ]
    if not unasked and not files_said:
        return asked
    return sorted([*asked, *unasked, *files_said], key=lambda record: record.sample_id)


def _is_undisputed(said: KnownImport, evidence: SampleEvidence | None) -> bool:
    """Return whether no annotator has said other than the file, and the sample is in no audit."""
    if evidence is None:
        return True
    is_other = any(vote.label != said.label for vote in evidence.votes)
    return evidence.purpose is not Purpose.AUDIT and evidence.decision is None and not is_other


def _record(outcome: SampleOutcome, label: str) -> GoldRecord:
    evidence, consensus, plan = outcome.evidence, outcome.consensus, outcome.evidence.plan
    answers = [*evidence.votes, *([evidence.decision] if evidence.decision else [])]
    votes = Counter(evidence.voted.votes.values())
    return GoldRecord(
        sample_id=evidence.sample_id,
        label=label,
        split=plan.split,
        group=plan.group,
        purpose=evidence.purpose,
        method=consensus.method,
        support=votes[label],
        n_votes=votes.total(),
        votes=dict(sorted(votes.items())),
        posterior=consensus.posterior,
        batch=plan.batch,
        lane=plan.lane,
        policy=plan.policy or "",
        inclusion_probability=plan.inclusion_probability,
        model_version=plan.model_version,
        suggested_label=plan.suggested_label,
        annotators=tuple(sorted({answer.annotator for answer in answers})),
        annotation_ids=tuple(sorted(answer.annotation_id for answer in answers)),
        labelled_at=evidence.reported.known_at
        if evidence.reported
        else max(answer.updated_at for answer in answers),
        entity=plan.entity,
    )


def _outcome_record(known: KnownOutcome, placement: Placement) -> GoldRecord:
    consensus = _reported(known)
    return _unasked_record(
        known.sample_id, Purpose.OUTCOME, consensus, placement=placement, known_at=known.known_at
    )


def _import_record(known: KnownImport) -> GoldRecord:
    consensus = Consensus(known.label, f"{Purpose.IMPORT}/1", known.shares)
    return _unasked_record(
        known.sample_id, Purpose.IMPORT, consensus, placement=known.placement, known_at=known.known_at
    )


def _unasked_record(
    sample_id: SampleId, purpose: Purpose, consensus: Consensus, *, placement: Placement, known_at: datetime
) -> GoldRecord:
    return GoldRecord(
        sample_id=sample_id,
        label=str(consensus.label),
        split=placement.split,
        group=placement.group,
        purpose=purpose,
        method=consensus.method,
        support=0,
        n_votes=0,
        votes={},
        posterior=consensus.posterior,
        batch=placement.batch,
        lane=placement.lane,
        policy=placement.policy,
        inclusion_probability=None,
        model_version=placement.model_version,
        suggested_label=None,
        annotators=(),
        annotation_ids=(),
        labelled_at=known_at,
        entity=placement.entity,
    )


def relabeled(outcomes: Iterable[SampleOutcome]) -> set[SampleId]:
    """Return the samples that an annotator has relabeled because their gold label was in doubt."""
    return {
        outcome.evidence.sample_id
        for outcome in outcomes
        if outcome.evidence.arm is Arm.UNTESTED
        and any(vote.purpose is Purpose.RECHECK for vote in outcome.evidence.votes)
    }


_DECIDED = {
    "adjudication": "adjudicated",
    "appeal": "decided on appeal",
    "outcome": "decided by an outcome",
    "import": "imported",
}
"""What a change of gold is called, by the beginning of its method."""


def reason_of(
    changes: Iterable[GoldChange], looked_at: Collection[SampleId] = (), *, command: str = "pull"
) -> str:
    """Return the reason of a gold version that `command` made: how many labels are new, and so on."""
    kinds = sorted(_kind(change, is_looked_at=change.sample_id in looked_at) for change in changes)
    counts = ", ".join(f"{n} {kind}" for kind, n in Counter(kinds).most_common())
    return f"{command}: {counts}" if counts else command


def _kind(change: GoldChange, *, is_looked_at: bool) -> str:
    before, after = change.before, change.after
    if after is None:
        return "put in doubt by a second look" if is_looked_at else "no longer sure"
    for begin, kind in _DECIDED.items():
        if after.method.startswith(begin) and (before is None or before.method != after.method):
            return kind
    if before is not None and before.label == after.label:
        return "reweighed"
    if is_looked_at:
        return "settled by a second look"
    return "new" if before is None else "corrected"


def _begun(outcomes: Iterable[SampleOutcome]) -> list[SampleOutcome]:
    return [outcome for outcome in outcomes if outcome.evidence.votes or outcome.evidence.skips]


def n_by_step(outcomes: Iterable[SampleOutcome]) -> dict[Step, int]:
    """Return how many answered samples need each next step; samples in gold are left out."""
    return dict(Counter(outcome.step for outcome in _begun(outcomes) if outcome.step is not Step.NOTHING))


def open_audit_note(outcomes: Iterable[SampleOutcome]) -> str | None:
    """Return a sentence on how audit samples without a label bias the holdout accuracy; None without any.

    Annotators disagree about hard samples. While these are missing, every model looks better than it is.
    """
    begun = [outcome for outcome in _begun(outcomes) if outcome.evidence.purpose is Purpose.AUDIT]
    n_open = sum(outcome.gold_label is None for outcome in begun)
    if not n_open:
        return None
    return (
        f"{n_open} of {len(begun)} answered audit samples are not settled yet (a second answer or an "
        "adjudicator's decision is missing); they are harder than the rest, so the holdout accuracy may be "
        f"too high by up to {n_open / len(begun):.1%}"
    )
