"""Inputs: everything that cost statements are computed from."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import numpy as np
import numpy.typing as npt

from goldloop.annotators.profiles import AssessedAnswer, assessed_answers
from goldloop.audit.audited import Audited, Traffic
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.annotations import Answer
from goldloop.core.error_costs import Stakes
from goldloop.core.labels import LabelSet
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.core.tasks import AnswerRequest, Purpose
from goldloop.costs.time import Seconds, working_seconds
from goldloop.gold.records import GoldRecord
from goldloop.stats.metrics import Columns, Flags

NO_LABEL = -1
"""In place of a column: no model had scored the sample when it was pushed."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Gold beside what the machine took each sample for at the time of the push, a row for each sample.

    `rounds`, `purposes`, `label`, `machine` (columns, or `NO_LABEL`) and `stakes` are (n,); `posterior` (n,
    n_labels) is the probability of each label.
    """

    rounds: npt.NDArray[np.intp]
    purposes: npt.NDArray[np.str_]
    label: Columns
    machine: Columns
    posterior: Probs
    stakes: Stakes

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.label)

    @property
    def is_reviewed(self) -> Flags:
        """Whether the policy had sent the sample to annotators, who checked the model's label, (n,)."""
        chosen = np.isin(self.purposes, [str(Purpose.REVIEW), str(Purpose.FULL), str(Purpose.SHEET)])
        return np.asarray(chosen & (self.machine != NO_LABEL), dtype=bool)

    def where(self, rows: Flags) -> Labelled:
        """Return the samples whose entry in `rows` (n,) is true."""
        return Labelled(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})


@dataclass(frozen=True, slots=True)
class CostInputs:
    """The answers, the gold and the traffic of all rounds, and the audits of the traffic.

    `traffic` holds the newest prediction and lane of each sample, which belongs to the round in which it was
    scored first; `audited` judges these labels, and `is_labelled` (N,) tells which of the samples are gold.
    `seconds` (n_answers,) are the working times of `answers`, NaN where unknown. `closed` holds when each
    round was closed, oldest first; the round after them is open.
    """

    answers: Sequence[Answer]
    seconds: Seconds
    assessed: Sequence[AssessedAnswer]
    labelled: Labelled
    traffic: Traffic
    is_labelled: npt.NDArray[np.bool_]
    audited: Audited
    closed: tuple[datetime, ...]


def cost_inputs(
    *,
    outcomes: Outcomes,
    answer_requests: Iterable[AnswerRequest],
    gold: Collection[GoldRecord],
    traffic: Traffic,
    audited: Audited,
    machine: Mapping[SampleId, str],
    closed: Sequence[datetime],
    labels: LabelSet,
) -> CostInputs:
    """Return what the statements of all rounds are computed from.

    `answer_requests` are all that were ever made. `machine` is what each gold sample was taken for when it
    was pushed. `closed` holds when each round was closed, oldest first. What became known of a
    sample that nobody was asked about saved no answer, and an error in it was let through: such gold does
    not count.
    """
    gold = [record for record in gold if record.purpose not in (Purpose.OUTCOME, Purpose.IMPORT)]
    gold_ids = {record.sample_id for record in gold}
    return CostInputs(
        answers=outcomes.answers,
        seconds=working_seconds(outcomes.answers),
        assessed=assessed_answers(outcomes, answer_requests, labels),
        labelled=_labelled(gold, machine, labels, closed, traffic),
        traffic=traffic,
        is_labelled=np.array([sample_id in gold_ids for sample_id in traffic.sample_ids], dtype=bool),
        audited=audited,
        closed=tuple(closed),
    )


def _labelled(
    gold: Iterable[GoldRecord],
    machine: Mapping[SampleId, str],
    labels: LabelSet,
    closed: Sequence[datetime],
    traffic: Traffic,
) -> Labelled:
    """Return `gold` in order of sample_id; its round is the one that was open when the label was reached."""
    stake_of = dict(zip(traffic.sample_ids, traffic.stakes.tolist(), strict=True))
    records = sorted(gold, key=lambda record: record.sample_id)
    posterior = np.zeros((len(records), len(labels)))
    for row, record in enumerate(records):
        for label, probability in record.posterior.items():
            posterior[row, labels.column(label)] = probability
        posterior[row, labels.column(record.label)] += not posterior[row].any()
    taken = [machine.get(record.sample_id) for record in records]
    columns = [labels.column(str(label)) if label in labels else NO_LABEL for label in taken]
    rounds = [bisect.bisect_left(closed, record.labelled_at) for record in records]
    return Labelled(
        rounds=np.array(rounds, dtype=np.intp),
        purposes=np.array([str(record.purpose) for record in records], dtype=str),
        label=np.array([labels.column(record.label) for record in records], dtype=np.intp),
        machine=np.array(columns, dtype=np.intp),
        posterior=posterior / posterior.sum(axis=1, keepdims=True),
        stakes=np.array([stake_of.get(record.sample_id, 0.0) for record in records], dtype=np.float64),
    )
