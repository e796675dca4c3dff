"""Verdicts: what all evidence says of each sample now, the gold that follows, and what is still missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from goldloop.annotators.anchoring import Observation, observations
from goldloop.consensus.evidence import Dossier
from goldloop.consensus.fit import Case, Consensus, Findings, Method, find_consensus
from goldloop.consensus.next_step import Step, is_gold, next_step
from goldloop.consensus.reading import read_answers, read_dossiers
from goldloop.core.answers import Answer
from goldloop.core.arms import Arm
from goldloop.core.ports import Tables
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.gold.records import GoldChange, GoldRecord
from goldloop.settings import Settings
from goldloop.tables.answer_requests import Asks
from goldloop.tables.task_log import Ledger


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one sample, what it comes to, and what the sample needs next."""

    dossier: Dossier
    found: Consensus
    step: Step

    @property
    def is_gold(self) -> bool:
        """Whether the label counts."""
        return is_gold(self.dossier.standing, self.found)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts on all samples that people were asked about, and what they rest on.

    `findings` is about the same samples in the same order.
    """

    verdicts: Sequence[Verdict]
    findings: Findings
    answers: Sequence[Answer]


class VerdictReader:
    """Reads the verdicts off the tables; consensus, which takes a while, is found anew only for new votes."""

    def __init__(self, tables: Tables, ledger: Ledger, asks: Asks, settings: Settings) -> None:
        """Read `tables`, of which `ledger` and `asks` read two."""
        self._tables, self._ledger, self._asks, self._settings = tables, ledger, asks, settings
        self._cases: list[Case] = []
        self._findings: Findings | None = None

    def __call__(self) -> Verdicts:
        """Return what the tables say now of every sample that people were asked about."""
        answers = read_answers(self._tables, self._ledger, self._settings.label_set)
        dossiers = read_dossiers(self._tables, self._ledger, self._asks, answers, self._settings)
        findings = self._consensus([one.case for one in dossiers])
        verdicts = [
            Verdict(dossier, found, self._step(dossier, found))
            for dossier, found in zip(dossiers, findings.consensus, strict=True)
        ]
        return Verdicts(verdicts, findings, answers)

    def _consensus(self, cases: list[Case]) -> Findings:
        if self._findings is None or cases != self._cases:
            self._findings = find_consensus(
                cases,
                self._settings.label_set,
                method=Method(self._settings.consensus.method),
                target=self._settings.consensus.target,
                overlap=1,  # whether enough people have answered is `asking.is_gold`'s business
            )
            self._cases = cases
        return self._findings

    def _step(self, dossier: Dossier, found: Consensus) -> Step:
        """Return what the sample needs next; first answers come in full, whatever the cap."""
        cap = max(self._settings.consensus.max_answers, dossier.standing.n_first)
        return next_step(dossier.standing, found, max_answers=cap)


def read_verdicts(tables: Tables, ledger: Ledger, asks: Asks, settings: Settings) -> Verdicts:
    """Return what the tables say now of every sample that people were asked about."""
    return VerdictReader(tables, ledger, asks, settings)()


def gold_records(verdicts: Iterable[Verdict]) -> list[GoldRecord]:
    """Return the records of the samples whose label counts, in order of sample_id."""
    return [
        _record(one.dossier, one.found, one.found.label)
        for one in verdicts
        if one.is_gold and one.found.label
    ]


def _record(dossier: Dossier, found: Consensus, label: str) -> GoldRecord:
    plan = dossier.plan
    answers = [*dossier.votes, *([dossier.decision] if dossier.decision else [])]
    votes = Counter(one.label for one in dossier.votes if one.label is not None)
    return GoldRecord(
        sample_id=dossier.sample_id,
        label=label,
        split=Split(plan["split"]),
        group=plan["group"],
        purpose=dossier.purpose,
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


def second_looked(verdicts: Iterable[Verdict]) -> set[SampleId]:
    """Return the samples at which somebody has taken a second look because they were in doubt."""
    return {
        one.dossier.sample_id
        for one in verdicts
        if one.dossier.arm is Arm.PLAIN and any(vote.purpose is Purpose.RECHECK for vote in one.dossier.votes)
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


def n_by_step(verdicts: Iterable[Verdict]) -> dict[Step, int]:
    """Return how many of the samples that somebody has answered need what next, but for those in gold."""
    begun = [one for one in verdicts if one.dossier.votes or one.dossier.skips]
    return dict(Counter(one.step for one in begun if one.step is not Step.NOTHING))


def open_audit_note(verdicts: Iterable[Verdict]) -> str | None:
    """Return what unsettled audit samples do to accuracy on holdout, as a sentence; None when there are none.

    People disagree about hard samples, so as long as those are missing the models look better than they are.
    """
    begun = [
        one
        for one in verdicts
        if one.dossier.purpose is Purpose.AUDIT and (one.dossier.votes or one.dossier.skips)
    ]
    n_open = sum(not one.is_gold for one in begun)
    if not n_open:
        return None
    return (
        f"{n_open} of {len(begun)} answered audit samples are not settled yet (a second answer or senior is "
        f"missing); they are harder than the rest, so accuracy on holdout may read too high by up to "
        f"{n_open / len(begun):.1%}"
    )


def observations_of(verdicts: Verdicts) -> list[Observation]:
    """Return what the two arms of anchoring have seen so far."""
    decisions = {
        one.dossier.sample_id: one.dossier.decision.label
        for one in verdicts.verdicts
        if one.dossier.decision is not None and one.dossier.decision.label is not None
    }
    arms = {one.dossier.sample_id: one.dossier.arm for one in verdicts.verdicts}
    return observations(verdicts.answers, decisions, arms)
