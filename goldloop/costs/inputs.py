"""Books: everything that counting costs needs, read once from the tables, none of which it changes."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from goldloop.annotators.judged_answers import judged_answers
from goldloop.annotators.profiles import Judged
from goldloop.audit.audited import Audited, Traffic, audited_traffic
from goldloop.consensus.outcomes import Outcomes
from goldloop.core.answers import Answer
from goldloop.core.labels import LabelSet
from goldloop.core.ports import Tables
from goldloop.core.probs import Probs
from goldloop.core.requests import AnswerRequest
from goldloop.core.samples import SampleId
from goldloop.core.tasks import Purpose
from goldloop.costs.time import Seconds, working_seconds
from goldloop.gold.records import GoldRecord
from goldloop.stats.metrics import Columns, Flags
from goldloop.tables.traffic import read_traffic

NO_LABEL = -1
"""In place of a column: no model had said anything of the sample when people were asked."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Gold beside what the machine said when people were asked, a row for each sample.

    `rounds`, `purposes`, `label` and `machine` (columns, or `NO_LABEL`) are (n,), `posterior` (n, n_labels)
    is how sure gold is of each label.
    """

    rounds: npt.NDArray[np.intp]
    purposes: npt.NDArray[np.str_]
    label: Columns
    machine: Columns
    posterior: Probs

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.label)

    @property
    def is_looked_at(self) -> Flags:
        """Whether the policy had sent the sample to people, who were to check the machine's label, (n,)."""
        chosen = np.isin(self.purposes, [str(Purpose.REVIEW), str(Purpose.FULL)])
        return np.asarray(chosen & (self.machine != NO_LABEL), dtype=bool)

    def where(self, rows: Flags) -> Labelled:
        """Return the samples whose entry in `rows` (n,) is true."""
        return Labelled(
            self.rounds[rows], self.purposes[rows], self.label[rows], self.machine[rows], self.posterior[rows]
        )


@dataclass(frozen=True, slots=True)
class Books:
    """What people gave, what it made of the traffic, and what audits say of the rest.

    `seconds` (n_answers,) are the working times of `answers`, NaN where unknown. `closed` holds when each
    round was closed, from round 0 on; the one after them is open. `is_labelled` (N,) says of the samples of
    `traffic` whether they are gold.
    """

    answers: Sequence[Answer]
    seconds: Seconds
    judged: Sequence[Judged]
    labelled: Labelled
    traffic: Traffic
    is_labelled: npt.NDArray[np.bool_]
    audited: Audited
    closed: tuple[datetime, ...]

    @property
    def rounds(self) -> tuple[int, ...]:
        """Every round there has been, the open one last."""
        return tuple(range(len(self.closed) + 1))


def read_books(
    tables: Tables,
    outcomes: Outcomes,
    answer_requests: Iterable[AnswerRequest],
    gold: Collection[GoldRecord],
    labels: LabelSet,
) -> Books:
    """Return the books of a workspace as they stand now; `asks` is everything ever asked."""
    closed = tuple(sorted(tables.rounds.read(["closed_at"])["closed_at"].to_pylist()))
    traffic = read_traffic(tables, labels)
    gold_ids = {one.sample_id for one in gold}
    return Books(
        answers=outcomes.answers,
        seconds=working_seconds(outcomes.answers),
        judged=judged_answers(outcomes, answer_requests, labels),
        labelled=labelled(gold, machine_labels(tables, gold), labels, closed=closed),
        traffic=traffic,
        is_labelled=np.array([one in gold_ids for one in traffic.sample_ids], dtype=bool),
        audited=audited_traffic(traffic, gold, labels),
        closed=closed,
    )


def machine_labels(tables: Tables, gold: Iterable[GoldRecord]) -> dict[SampleId, str]:
    """Return what the model had said of each gold sample when people were asked; nothing before a model."""
    wanted = {(one.sample_id, one.model_version) for one in gold}
    rows = tables.predictions.read(["sample_id", "model_version", "label"])
    ids = pa.array(sorted(sample_id for sample_id, _ in wanted), pa.string())
    rows = rows.filter(pc.field("sample_id").isin(ids) & pc.field("label").is_valid())
    columns = (rows[name].to_pylist() for name in ("sample_id", "model_version", "label"))
    return {
        SampleId(sample_id): label
        for sample_id, version, label in zip(*columns, strict=True)
        if (sample_id, version) in wanted
    }


def labelled(
    gold: Iterable[GoldRecord],
    machine: Mapping[SampleId, str],
    labels: LabelSet,
    *,
    closed: Sequence[datetime],
) -> Labelled:
    """Return `gold` in order of sample_id; its round is the one that was open when the label was reached."""
    records = sorted(gold, key=lambda one: one.sample_id)
    posterior = np.zeros((len(records), len(labels)))
    for row, one in enumerate(records):
        for label, probability in one.posterior.items():
            posterior[row, labels.column(label)] = probability
        posterior[row, labels.column(one.label)] += not posterior[row].any()
    said = [machine.get(one.sample_id) for one in records]
    return Labelled(
        rounds=np.array([bisect.bisect_left(closed, one.labelled_at) for one in records], dtype=np.intp),
        purposes=np.array([str(one.purpose) for one in records], dtype=str),
        label=np.array([labels.column(one.label) for one in records], dtype=np.intp),
        machine=np.array(
            [NO_LABEL if one not in labels else labels.column(str(one)) for one in said], np.intp
        ),
        posterior=posterior / posterior.sum(axis=1, keepdims=True),
    )
