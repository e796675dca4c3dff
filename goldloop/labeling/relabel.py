"""Second looks: gold labels in doubt are found, sent to people blind, and what they make of them is told.

Only what trains is looked at. To ask again about a sample that judges the models *because* a model disagrees
would correct the judge in the model's favour alone; those samples have several blind answers instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from goldloop.consensus.evidence import SampleEvidence
from goldloop.core.errors import EmptyPoolError
from goldloop.core.labels import LabelSet
from goldloop.core.ports import ContentStore, Row, Tables
from goldloop.core.probs import Probs
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, TaskStatus, task_key
from goldloop.gold.records import GoldRecord
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.rounds import current_round
from goldloop.tables.task_log import TaskLog, follow_up_row
from goldloop.training.label_errors import LabelIssue, Rows, cross_validated_probs, find_label_issues
from goldloop.training.ports import Trainer

N_FOLDS = 3
"""Models trained for one search; more would find little more and take as much longer."""

_MINIBATCH = 256


@dataclass(frozen=True, slots=True)
class Relabel:
    """A issue and what became of it: not sent, waiting for people, kept, or corrected."""

    issue: LabelIssue
    state: str
    present_label: str | None


def search(
    *,
    gold: GoldStore,
    trainer: Trainer,
    store: ContentStore,
    labels: LabelSet,
    seed: int,
    scratch: Path,
    advance: Callable[[float], None],
) -> tuple[int, list[LabelIssue]]:
    """Return the newest gold version and its label_issues, by models that never saw the sample they judge.

    Raises:
        EmptyPoolError: there is too little gold to train on.
    """
    version = gold.newest()
    records = [one for one in gold.records(version.version) if _may_be_doubted(one)]
    if len({one.label for one in records}) < 2:
        raise EmptyPoolError(
            f"gold version {version.version} has {len(records)} train samples of fewer than two labels; "
            "label more samples before you look for wrong ones"
        )
    columns = np.array([labels.column(one.label) for one in records], dtype=np.intp)
    n_done = 0

    def fit(train: Rows, held_out: Rows) -> Probs:
        nonlocal n_done
        folder = scratch / f"fold-{n_done}"
        trainer.train(
            [(records[row].sample_id, int(columns[row])) for row in train],
            [],
            labels=labels,
            load=store.load,
            folder=folder,
            advance=lambda share: advance((n_done + share) / N_FOLDS),
        )
        scorer = trainer.scorer(folder)
        n_done += 1
        parts = [held_out[start : start + _MINIBATCH] for start in range(0, len(held_out), _MINIBATCH)]
        return np.concatenate(
            [scorer([store.load(records[row].sample_id).payload for row in part]).probs for part in parts]
        )

    probs = cross_validated_probs(
        columns, [one.group for one in records], labels=labels, fit=fit, n_folds=N_FOLDS, seed=seed
    )
    return version.version, find_label_issues(
        [one.sample_id for one in records], columns, probs, labels=labels
    )


def _may_be_doubted(record: GoldRecord) -> bool:
    return record.split is Split.TRAIN and not record.method.startswith("adjudication")


def save_label_issues(
    tables: Tables, version: int, label_issues: Sequence[LabelIssue], *, at: datetime
) -> None:
    """Keep a search as the present list; that it was made is a row of its own, should nothing be in doubt."""
    made: Row = {"found_at": at, "gold_version": version, "rank": 0}
    rows: list[Row] = [
        {
            "found_at": at,
            "gold_version": version,
            "rank": one.rank,
            "sample_id": one.sample_id,
            "label": one.label,
            "suggested_label": one.suggested_label,
            "self_confidence": one.self_confidence,
        }
        for one in label_issues
    ]
    tables.label_errors.append([made, *rows])


def read_relabels(tables: Tables, task_log: TaskLog, gold: GoldStore) -> list[Relabel]:
    """Return the present list of label_issues with what became of each, most issue first."""
    rows = tables.label_errors.read()
    newest = pc.max(rows["found_at"])
    present = {one.sample_id: one.label for one in gold.records()}
    statuses = task_log.statuses()
    answered = set(tables.annotations.read(["key"])["key"].to_pylist())
    found = []
    rows = rows.filter((pc.field("found_at") == newest) & (pc.field("rank") > 0))
    for row in rows.sort_by("rank").to_pylist():
        issue = LabelIssue(
            row["rank"],
            SampleId(row["sample_id"]),
            row["label"],
            row["suggested_label"],
            row["self_confidence"],
        )
        task = statuses.get(task_key(issue.sample_id, Purpose.RECHECK))
        label = present.get(issue.sample_id)
        found.append(Relabel(issue, _state(issue, task, label, answered), label))
    return found


def _state(issue: LabelIssue, task: TaskStatus | None, label: str | None, answered: Collection[str]) -> str:
    if task is None or not task.is_live:
        return "not sent"
    if task.key not in answered or label is None:
        return "waiting for people"
    return "kept" if label == issue.label else f"corrected to {label}"


def plan_relabel(
    *,
    tables: Tables,
    task_log: TaskLog,
    gold: GoldStore,
    evidence_of: Mapping[SampleId, SampleEvidence],
    n: int,
    clock: Callable[[], datetime],
) -> int:
    """Plan a blind second look at the `n` most issue samples not sent yet; return how many there were."""
    n_planned = 0

    def make_rows(seq: int) -> list[Row]:
        nonlocal n_planned
        waiting = [one for one in read_relabels(tables, task_log, gold) if one.state == "not sent"]
        known = [evidence_of[one.issue.sample_id] for one in waiting if one.issue.sample_id in evidence_of]
        n_planned = len(known[:n])
        return [
            follow_up_row(
                evidence.plan,
                Purpose.RECHECK,
                seq=seq,
                round_=current_round(tables),
                position=position,
                at=clock(),
                answers={},
                barred=evidence.people,
            )
            for position, evidence in enumerate(known[:n])
        ]

    task_log.plan(make_rows)
    return n_planned
