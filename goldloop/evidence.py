"""Evidence: everything the tables know about the samples that people were asked about."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from goldloop.anchoring import Arm
from goldloop.answers import Answer
from goldloop.asking import Standing, n_first_answers
from goldloop.asks import Asks
from goldloop.consensus import Case
from goldloop.labels import LabelSet
from goldloop.ledger import Ledger
from goldloop.ports import Tables
from goldloop.samples import SampleId
from goldloop.settings import ConsensusSettings
from goldloop.tasks import Purpose, split_key, task_key

_FIRST_OF = (Purpose.AUDIT, Purpose.SEED, Purpose.REVIEW, Purpose.RECHECK)
"""Why a sample is in gold when it was asked about for several purposes: the first of these."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is known about one sample that people were asked about.

    `plan` is the planned row of its first task, `keys` its live tasks whose answers vote. `votes` holds one
    answer a person, the newest, in the order in which they were first given; `skips` those who could not
    tell. `decision` is the adjudicator's, `own_cases` the keys of tasks answered by somebody who could not be
    counted there, because they had voted on the sample before.
    """

    sample_id: SampleId
    plan: Mapping[str, Any]
    keys: tuple[str, ...]
    votes: tuple[Answer, ...]
    skips: tuple[Answer, ...]
    decision: Answer | None
    own_cases: tuple[str, ...]
    case: Case
    standing: Standing

    @property
    def purpose(self) -> Purpose:
        """Why the sample was shown to people at first."""
        return split_key(self.plan["key"])[1]

    @property
    def arm(self) -> Arm:
        """How the sample takes part in the measurement of anchoring."""
        return Arm(self.plan["arm"]) if self.plan["arm"] else Arm.PLAIN


def read_answers(tables: Tables, ledger: Ledger, labels: LabelSet) -> list[Answer]:
    """Return every answer and skip on a live task, by annotation id, but for labels outside the label set."""
    live = {key for key, one in ledger.statuses().items() if one.is_live}
    plans = ledger.plans(live)
    closed = sorted(tables.rounds.read(["closed_at"])["closed_at"].to_pylist())
    rows = tables.annotations.read()
    rows = rows.filter(pc.field("status").isin(pa.array(["answer", "skip"], pa.string())))
    found = []
    for row in rows.sort_by("annotation_id").to_pylist():
        plan = plans.get(row["key"])
        if plan is None or (row["label"] is not None and row["label"] not in labels):
            continue
        sample_id, purpose = split_key(row["key"])
        found.append(
            Answer(
                annotation_id=row["annotation_id"],
                sample_id=sample_id,
                purpose=purpose,
                annotator=row["annotator"],
                label=row["label"],
                reason=row["reason"],
                round=bisect.bisect_left(closed, row["created_at"]),
                created_at=row["created_at"],
                updated_at=row["updated_at"],
                lead_time_s=row["lead_time_s"],
                suggested_label=row["shown_label"] or plan["suggested_label"],
                is_shown=row["shown_label"] is not None,
            )
        )
    return found


def read_dossiers(
    tables: Tables,
    ledger: Ledger,
    asks: Asks,
    answers: Iterable[Answer],
    *,
    labels: LabelSet,
    settings: ConsensusSettings,
    overlap: int,
) -> list[Dossier]:
    """Return a dossier of every sample with a live task whose answers vote, in order of sample_id."""
    live = [key for key, one in ledger.statuses().items() if one.is_live]
    plans: dict[SampleId, dict[Purpose, dict[str, Any]]] = {}
    for key, plan in ledger.plans(live).items():
        sample_id, purpose = split_key(key)
        plans.setdefault(sample_id, {})[purpose] = plan
    by_sample: dict[SampleId, list[Answer]] = {}
    for answer in answers:
        by_sample.setdefault(answer.sample_id, []).append(answer)
    firsts = {
        sample_id: next((found[one] for one in _FIRST_OF if one in found), None)
        for sample_id, found in plans.items()
    }
    probs = _probs(tables, {one: plan for one, plan in firsts.items() if plan is not None}, labels)
    wanted = {key: one.n_wanted for key, one in asks.statuses().items()}
    return [
        _dossier(
            sample_id,
            plans[sample_id],
            plan,
            by_sample.get(sample_id, []),
            wanted=wanted,
            probs=probs.get(sample_id),
            labels=labels,
            settings=settings,
            overlap=overlap,
        )
        for sample_id, plan in sorted(firsts.items())
        if plan is not None
    ]


def _dossier(
    sample_id: SampleId,
    plans: Mapping[Purpose, Mapping[str, Any]],
    first: Mapping[str, Any],
    answers: Sequence[Answer],
    *,
    wanted: Mapping[str, int],
    probs: tuple[float, ...] | None,
    labels: LabelSet,
    settings: ConsensusSettings,
    overlap: int,
) -> Dossier:
    purpose = split_key(first["key"])[1]
    may_show = purpose is not Purpose.AUDIT  # what judges the models is answered blind, or does not count
    voting = [one for one in answers if one.purpose.has_votes and (may_show or not one.is_shown)]
    votes = _votes(voting)
    voters = {one.annotator for one in votes}
    decision = _decision(answers, voters)
    keys = tuple(plan["key"] for one, plan in sorted(plans.items()) if one.has_votes)
    is_checked = first["arm"] in (str(Arm.HIDDEN), str(Arm.CHECKED))
    n_first = n_first_answers(
        purpose, overlap=overlap, audit_answers=settings.audit_answers, is_checked=is_checked
    )
    n_asked = sum(max(wanted.get(key, 1), overlap if key == first["key"] else 1) for key in keys)
    own_cases = _own_cases(sample_id, answers, plans)
    return Dossier(
        sample_id=sample_id,
        plan=first,
        keys=keys,
        votes=votes,
        skips=tuple(one for one in voting if one.is_skip and one.annotator not in voters),
        decision=decision,
        own_cases=own_cases,
        case=Case(
            sample_id=sample_id,
            votes={one.annotator: one.label for one in votes if one.label is not None},
            probs=probs,
            shown={
                one.annotator: one.suggested_label
                for one in votes
                if one.is_shown and one.suggested_label in labels and one.suggested_label is not None
            },
            decision=decision.label if decision else None,
        ),
        standing=Standing(
            votes=tuple(one.label for one in votes if one.label is not None),
            n_asked=n_asked - sum(key in keys for key in own_cases),
            n_first=n_first,
            n_skips=len({one.annotator for one in voting if one.is_skip} - voters),
            is_strict=purpose is Purpose.AUDIT or is_checked,
            is_decided=decision is not None,
        ),
    )


def _votes(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Return one answer a person, the newest, in the order in which they first gave one."""
    since: dict[str, Answer] = {}
    newest: dict[str, Answer] = {}
    for one in answers:
        if one.is_skip:
            continue
        first, last = since.get(one.annotator), newest.get(one.annotator)
        if first is None or (one.created_at, one.annotation_id) < (first.created_at, first.annotation_id):
            since[one.annotator] = one
        if last is None or (one.updated_at, one.annotation_id) > (last.updated_at, last.annotation_id):
            newest[one.annotator] = one
    order = sorted(since, key=lambda who: (since[who].created_at, since[who].annotation_id))
    return tuple(newest[who] for who in order)


def _decision(answers: Iterable[Answer], voters: set[str]) -> Answer | None:
    """Return the newest decision of somebody who has not voted on the sample."""
    decisions = [
        one
        for one in answers
        if one.purpose is Purpose.ADJUDICATION and not one.is_skip and one.annotator not in voters
    ]
    return max(decisions, key=lambda one: (one.updated_at, one.annotation_id), default=None)


def _own_cases(
    sample_id: SampleId, answers: Sequence[Answer], plans: Mapping[Purpose, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return, once for each, the key of a recheck or adjudication whose answerer had voted before."""
    found = []
    voted = {one.annotator for one in answers if one.purpose.has_votes and one.purpose is not Purpose.RECHECK}
    for purpose in (Purpose.RECHECK, Purpose.ADJUDICATION):
        if purpose in plans:
            again = {one.annotator for one in answers if one.purpose is purpose and not one.is_skip} & voted
            found += [task_key(sample_id, purpose)] * len(again)
        voted |= {one.annotator for one in answers if one.purpose is purpose and purpose.has_votes}
    return tuple(found)


def _probs(
    tables: Tables, plans: Mapping[SampleId, Mapping[str, Any]], labels: LabelSet
) -> dict[SampleId, tuple[float, ...]]:
    """Return what the model said of each sample before people did; nothing of what judges the models.

    That model has not learnt from the sample. A model with another label set has no word here.
    """
    wanted = {
        (sample_id, plan["model_version"])
        for sample_id, plan in plans.items()
        if plan["model_version"] is not None and split_key(plan["key"])[1] is not Purpose.AUDIT
    }
    if not wanted:
        return {}
    rows = tables.predictions.read(["sample_id", "model_version", "probs"])
    ids = pa.array(sorted({sample_id for sample_id, _ in wanted}), pa.string())
    rows = rows.filter(pc.field("sample_id").isin(ids))
    return {
        SampleId(row["sample_id"]): tuple(one / sum(row["probs"]) for one in row["probs"])
        for row in rows.to_pylist()
        if (row["sample_id"], row["model_version"]) in wanted
        and row["probs"] is not None
        and len(row["probs"]) == len(labels)
    }
