"""Outcomes: the consensus and the next step of each sample, and the gold records that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from goldloop.consensus.admission import ALL_COUNT, Admission
from goldloop.consensus.estimates import Estimates
from goldloop.consensus.evidence import SampleEvidence, evidence_of
from goldloop.consensus.label import Consensus, ConsensusFit, Method, fit_consensus
from goldloop.consensus.next_step import Step, next_step
from goldloop.consensus.planted_errors import overlooked_by
from goldloop.core.annotations import Answer
from goldloop.core.imported_labels import KnownImport
from goldloop.core.planned_tasks import TaskStatus
from goldloop.core.ports import DerivedText
from goldloop.core.reported_outcomes import KnownOutcome
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
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
    `overlooked` is the share of errors that each annotator misses on sheets.
    """

    samples: Sequence[SampleOutcome]
    fit: ConsensusFit
    answers: Sequence[Answer]
    admission: Admission = ALL_COUNT
    unasked: Sequence[KnownOutcome] = ()
    imported: Sequence[KnownImport] = ()
    overlooked: Mapping[str, float] = field(default_factory=dict)


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
    reported = _counting(reported, settings)
    before = {one.evidence.sample_id: one.evidence for one in earlier.samples} if earlier else {}
    n_lost = admission.n_lost(tasks)
    shares = overlooked_by(answers)
    evidence = evidence_of(
        *(tasks, answers, n_wanted, settings, n_lost), reported=reported, earlier=before, overlooked=shares
    )
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
        for consensus in [reported_consensus(sample.reported) if sample.reported else voted]
    ]
    asked = {sample.sample_id for sample in evidence}
    unasked = [one for key, one in reported.items() if key not in asked]
    files_said = [one for one in imported.values() if one.label in settings.label_set]
    return Outcomes(samples, fit, answers, admission, unasked, files_said, shares)


def outcomes_after(
    earlier: Outcomes,
    changed: Collection[SampleId],
    tasks: Mapping[str, TaskStatus],
    answers: Sequence[Answer],
    *,
    n_wanted: Mapping[str, int],
    settings: Settings,
    reported: Mapping[SampleId, KnownOutcome] = MappingProxyType({}),
) -> Outcomes | None:
    """Return the outcomes `earlier` as they are after changes of the plans or wanted answers of some samples.

    `tasks` and `answers` are those of the `changed` samples, `n_wanted` and `reported` as in `find_outcomes`.
    Returns None where votes have changed or other samples are asked about, so that the consensus moves.
    """
    if not changed:
        return earlier
    reported, n_lost = _counting(reported, settings), earlier.admission.n_lost(tasks)
    shares = earlier.overlooked
    found = evidence_of(tasks, answers, n_wanted, settings, n_lost, reported=reported, overlooked=shares)
    evidence = {one.sample_id: one for one in found}
    before = {
        outcome.evidence.sample_id: place
        for place, outcome in enumerate(earlier.samples)
        if outcome.evidence.sample_id in changed
    }
    if before.keys() != evidence.keys() or answers != [
        answer for answer in earlier.answers if answer.sample_id in changed
    ]:
        return None
    samples, max_answers = list(earlier.samples), settings.consensus.max_answers
    for sample_id, place in before.items():
        one, consensus = evidence[sample_id], samples[place].consensus
        if one.voted != samples[place].evidence.voted:
            return None
        samples[place] = SampleOutcome(one, consensus, next_step(one, consensus, max_answers=max_answers))
    return replace(earlier, samples=samples)


def _counting(reported: Mapping[SampleId, KnownOutcome], settings: Settings) -> dict[SampleId, KnownOutcome]:
    """Return what counts of `reported`: the outcomes with a label of the label set."""
    return {key: one for key, one in reported.items() if one.label in settings.label_set}


def reported_consensus(known: KnownOutcome) -> Consensus:
    """Return the consensus that a reported outcome is."""
    return Consensus(known.label, f"{Purpose.OUTCOME}/1", {known.label: 1.0})


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
