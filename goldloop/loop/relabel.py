"""Relabel: find gold labels in doubt, and send them to annotators for a blind second look.

The search covers the train split only. A second look at an audit sample *because* a model disagrees would
correct the audit only in the model's favour; audit samples have several blind answers instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldloop.core.errors import EmptyPoolError
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.samples import SampleId
from goldloop.core.scratch import scratch_folder
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose, task_key
from goldloop.gold.records import GoldRecord
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.follow_up import follow_up_plan, recheck_plan
from goldloop.loop.briefing import briefed
from goldloop.loop.cross_validation import cross_validate
from goldloop.loop.ports import LoopPorts
from goldloop.loop.preset import choose_from_samples
from goldloop.loop.push import follow_up
from goldloop.loop.readable_gold import readable_records
from goldloop.tables.gold_store import GoldStore, read_label_issues, save_label_issues
from goldloop.tables.snapshot import Snapshot, read_snapshot
from goldloop.training.label_errors import LabelIssue, find_label_issues

N_FOLDS = 3
"""Number of models trained for one search; more folds take longer and find few further issues."""


@dataclass(frozen=True, slots=True)
class Relabel:
    """A label issue and its state: not sent, waiting for annotators, kept, or corrected.

    `origin` is whence the present label comes, such as people or an import; "" where there is none.
    """

    issue: LabelIssue
    state: str
    present_label: str | None
    origin: str = ""


def find_label_errors(ports: LoopPorts, notes: list[str] | None = None) -> int:
    """Search the newest gold for labels in doubt and keep the list; return how many there are.

    Samples whose content cannot be read are left out; `notes` gets a sentence about them.

    Raises:
        EmptyPoolError: the gold holds train samples of fewer than two labels.
    """
    with (
        ports.alone("retrain"),
        scratch_folder("label-errors") as scratch,
        ports.progress.share_done("cross-validating") as advance,
    ):
        version, issues = _search(ports, scratch, advance, [] if notes is None else notes)
    save_label_issues(ports.tables.label_errors, version, issues, at=ports.clock())
    return len(issues)


def _search(
    ports: LoopPorts, scratch: Path, advance: Callable[[float], None], notes: list[str]
) -> tuple[int, list[LabelIssue]]:
    """Return the newest gold version and its label issues, by models not trained on the sample they judge."""
    choose_from_samples(ports)
    gold, labels = GoldStore(ports.tables.gold).read(), ports.settings.label_set
    doubtful = [record for record in gold.records if _may_be_doubted(record)]
    records = readable_records(ports, doubtful, notes)
    if len({record.label for record in records}) < 2:
        raise EmptyPoolError(
            f"gold version {gold.version.version} has {len(records)} train samples of fewer than two labels; "
            "label more samples, then search again"
        )
    probs = cross_validate(
        records,
        labels=labels,
        trainer=ports.trainer(),
        load=ports.training_samples().load,
        scratch=scratch,
        advance=advance,
        n_folds=N_FOLDS,
        seed=ports.settings.selection.seed,
    )
    columns = np.array([labels.column(record.label) for record in records], dtype=np.intp)
    sample_ids = [record.sample_id for record in records]
    return gold.version.version, find_label_issues(sample_ids, columns, probs, labels=labels)


def _may_be_doubted(record: GoldRecord) -> bool:
    return record.split is Split.TRAIN and not record.method.startswith(("adjudication", "appeal", "outcome"))


def send_label_errors(ports: LoopPorts, n: int) -> int:
    """Send the `n` most doubtful samples that were not sent yet to annotators; return how many there were."""
    context = ports.labeling()
    state, issues = context.read_state(), read_label_issues(ports.tables.label_errors)

    def choose(now: LoopState) -> list[PlannedTask]:
        said = {one.sample_id: one for one in now.outcomes.imported}
        waiting = [
            relabel.issue.sample_id
            for relabel in relabels_of(issues, now.snapshot)
            if relabel.state == "not sent" and relabel.issue.sample_id in {**now.evidence, **said}
        ]
        return _rechecks(ports, context, now, waiting[:n])

    base = state.snapshot.versions.planned_tasks
    planned = context.task_log.plan(context.retrying(state, choose), base=base)
    follow_up(ports, context, context.fresh(state))
    return len(planned)


def _rechecks(
    ports: LoopPorts, context: LabelingContext, now: LoopState, sample_ids: Sequence[SampleId]
) -> list[PlannedTask]:
    """Return a blind task about each of `sample_ids`, which people have answered or a file has labelled."""
    round_, said = now.snapshot.round, {one.sample_id: one for one in now.outcomes.imported}
    plans = []
    for position, sample_id in enumerate(sample_ids):
        evidence = now.evidence.get(sample_id)
        if evidence is None:
            plan = recheck_plan(said[sample_id], context, round_=round_, position=position)
            plans += briefed(ports, [plan])
        else:
            plans.append(follow_up_plan(evidence, Purpose.RECHECK, context, round_=round_, position=position))
    return plans


def read_relabels(ports: LoopPorts) -> list[Relabel]:
    """Return the present list of label issues with what became of each, most doubtful first."""
    return relabels_of(read_label_issues(ports.tables.label_errors), read_snapshot(ports.tables))


def relabels_of(issues: Sequence[LabelIssue], snapshot: Snapshot) -> list[Relabel]:
    """Return the state of each of `issues`, in the order given."""
    gold = {record.sample_id: record for record in snapshot.gold.records}
    answered = {annotation.key for annotation in snapshot.annotations}
    relabels = []
    for issue in issues:
        task = snapshot.tasks.get(task_key(issue.sample_id, Purpose.RECHECK))
        record = gold.get(issue.sample_id)
        label = record.label if record else None
        if task is None or not task.is_live:
            state = "not sent"
        elif task.key not in answered or label is None:
            state = "waiting for annotators"
        else:
            state = "kept" if label == issue.label else f"corrected to {label}"
        relabels.append(Relabel(issue, state, label, record.source if record else ""))
    return relabels
