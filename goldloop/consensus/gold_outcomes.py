"""The gold records that follow from outcomes, and what their changes are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from goldloop.consensus.evidence import SampleEvidence
from goldloop.consensus.label import Consensus
from goldloop.consensus.outcomes import Outcomes, SampleOutcome, reported_consensus
from goldloop.core.chance import Arm
from goldloop.core.imported_labels import KnownImport
from goldloop.core.reported_outcomes import KnownOutcome, Placement
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldChange, GoldRecord


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
    consensus = reported_consensus(known)
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
