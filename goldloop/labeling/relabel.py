"""Relabeling: finds doubtful gold labels, sends the samples to annotators blind, and reports the result.

The search covers the train split only. A second look at an audit sample *because* a model disagrees would
correct the audit only in the model's favour; audit samples have several blind answers instead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldloop.core.errors import EmptyPoolError
from goldloop.core.labels import LabelSet
from goldloop.core.planned_tasks import PlannedTask, TaskStatus
from goldloop.core.ports import ContentStore
from goldloop.core.probs import Probs
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.records import GoldRecord
from goldloop.labeling.context import LabelingContext
from goldloop.labeling.follow_up import follow_up_plan
from goldloop.labeling.state import LoopState
from goldloop.tables.gold_store import Gold
from goldloop.tables.snapshot import Snapshot
from goldloop.training.label_errors import LabelIssue, Rows, cross_validated_probs, find_label_issues
from goldloop.training.ports import Trainer

N_FOLDS = 3
"""Number of models trained for one search; more folds take longer and find few further issues."""

_MINIBATCH = 256


@dataclass(frozen=True, slots=True)
class Relabel:
    """A label issue and its state: not sent, waiting for annotators, kept, or corrected."""

    issue: LabelIssue
    state: str
    present_label: str | None


def search(
    *,
    gold: Gold,
    trainer: Trainer,
    store: ContentStore,
    labels: LabelSet,
    seed: int,
    scratch: Path,
    advance: Callable[[float], None],
) -> tuple[int, list[LabelIssue]]:
    """Return the newest gold version and its label issues, by models not trained on the sample they judge.

    Raises:
        EmptyPoolError: the gold holds train samples of fewer than two labels.
    """
    version = gold.version
    records = [record for record in gold.records if _may_be_doubted(record)]
    if len({record.label for record in records}) < 2:
        raise EmptyPoolError(
            f"gold version {version.version} has {len(records)} train samples of fewer than two labels; "
            "label more samples, then search again"
        )
    columns = np.array([labels.column(record.label) for record in records], dtype=np.intp)
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
        columns, [record.group for record in records], labels=labels, fit=fit, n_folds=N_FOLDS, seed=seed
    )
    return version.version, find_label_issues(
        [record.sample_id for record in records], columns, probs, labels=labels
    )


def _may_be_doubted(record: GoldRecord) -> bool:
    return record.split is Split.TRAIN and not record.method.startswith("adjudication")


def relabels_of(issues: Sequence[LabelIssue], snapshot: Snapshot) -> list[Relabel]:
    """Return the state of each of `issues`, in the order given."""
    present = {record.sample_id: record.label for record in snapshot.gold.records}
    answered = {annotation.key for annotation in snapshot.annotations}
    return [
        Relabel(
            issue,
            _state(
                issue,
                snapshot.tasks.get(task_key(issue.sample_id, Purpose.RECHECK)),
                present.get(issue.sample_id),
                answered,
            ),
            present.get(issue.sample_id),
        )
        for issue in issues
    ]


def _state(issue: LabelIssue, task: TaskStatus | None, label: str | None, answered: Collection[str]) -> str:
    if task is None or not task.is_live:
        return "not sent"
    if task.key not in answered or label is None:
        return "waiting for annotators"
    return "kept" if label == issue.label else f"corrected to {label}"


def plan_relabel(context: LabelingContext, state: LoopState, issues: Sequence[LabelIssue], *, n: int) -> int:
    """Plan a blind recheck of the `n` most doubtful samples not sent yet; return how many were planned."""

    def choose(now: LoopState) -> list[PlannedTask]:
        evidence_of = {outcome.evidence.sample_id: outcome.evidence for outcome in now.outcomes.samples}
        waiting = [
            relabel.issue.sample_id
            for relabel in relabels_of(issues, now.snapshot)
            if relabel.state == "not sent" and relabel.issue.sample_id in evidence_of
        ]
        return [
            follow_up_plan(
                evidence_of[sample_id],
                Purpose.RECHECK,
                context,
                round_=now.snapshot.round,
                position=position,
                answers={},
                barred=evidence_of[sample_id].people,
            )
            for position, sample_id in enumerate(waiting[:n])
        ]

    base = state.snapshot.versions.planned_tasks
    return len(context.task_log.plan(context.retrying(state, choose), base=base))
