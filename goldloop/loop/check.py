"""The check: every promise about records, contents and tasks, walked from end to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from goldloop.consensus.gold_outcomes import gold_records
from goldloop.core.annotations import AnnotationStatus
from goldloop.core.errors import (
    GoldVersionError,
    StorageError,
    StoredValueError,
    TasksLostError,
    UnreadableSampleError,
)
from goldloop.core.ports import LabelingQueue
from goldloop.core.table_ports import Tables
from goldloop.labeling.altered_tasks import altered_sentences, by_task_id, is_altered
from goldloop.labeling.context import LoopState, read_state
from goldloop.labeling.kept_content import keep_samples
from goldloop.labeling.pull import PullReport, derive_gold
from goldloop.labeling.server_comparison import answer_totals, answers_sentence
from goldloop.loop.champion import champion_problem
from goldloop.loop.ports import LoopPorts
from goldloop.loop.push import agree_with_server
from goldloop.tables.counts import conservation
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.index_check import derive_again, index_faults
from goldloop.tables.model_log import read_models
from goldloop.tables.server_checks import read_check
from goldloop.tables.views import discard_view, faulty_views

SHOWN = 5  # names in one sentence; the others are counted


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that does not hold: what is wrong, and what mends it or has mended it."""

    promise: str
    detail: str
    next_step: str
    is_repaired: bool = False


def check_workspace(ports: LoopPorts, *, is_repairing: bool = False) -> list[Finding]:
    """Return everything that breaks a promise; an empty list means that every promise holds.

    The check reads every gold version that opens and every kept sample: minutes for 10,000 samples.
    `is_repairing` derives the index of what has arrived and the views of samples anew, makes the task log
    and the server agree, keeps missing contents again from where they were seen, and commits the gold that
    the answers give; it never deletes an answer, a label or a content.

    Raises:
        ServiceError: a server failed.
    """
    torn = list(_tables(ports.tables))
    if torn:
        return torn
    state, queue = read_state(ports.tables, ports.settings), ports.open_queue()
    findings = [
        *_files(ports),
        *_index(ports.tables, is_repairing=is_repairing),
        *_views(ports.tables, is_repairing=is_repairing),
        *_gold_versions(ports),
        *_answers(state),
        *_contents(ports, state, is_repairing=is_repairing),
        *_tasks(ports, state, queue, is_repairing=is_repairing),
        *_altered_tasks(state, queue),
        *_champion(ports),
    ]
    if is_repairing:
        state = read_state(ports.tables, ports.settings)
    return [*findings, *_present_gold(ports, state, is_repairing=is_repairing)]


def _tables(tables: Tables) -> Iterator[Finding]:
    for table in tables.named.values():
        try:
            table.read()
        except StorageError as error:
            yield Finding("tables are whole", str(error), "Restore a backup: `goldloop restore`.")


def _files(ports: LoopPorts) -> Iterator[Finding]:
    files = conservation(ports.tables)
    if not files.is_conserved:
        yield Finding("every file is in one place", str(files), "Run `goldloop score`.")


def _index(tables: Tables, *, is_repairing: bool) -> Iterator[Finding]:
    faults = index_faults(tables)
    if not faults:
        return
    detail = (
        f"the index of what has arrived lacks {faults.n_missing} samples and files of the table, and has "
        f"{faults.n_unknown} that the table has not"
    )
    finding = Finding("every file is known", detail, "Run `goldloop check --repair`.")
    if is_repairing:
        derive_again(tables)
        finding = replace(finding, next_step="It is derived anew.", is_repaired=True)
    yield finding


def _views(tables: Tables, *, is_repairing: bool) -> Iterator[Finding]:
    for view in faulty_views(tables):
        detail = f"the view {view.name!r} says something else than the table {view.table!r}"
        finding = Finding("every sample's present state is known", detail, "Run `goldloop check --repair`.")
        if is_repairing:
            discard_view(tables, view)
            finding = replace(finding, next_step="It is derived anew.", is_repaired=True)
        yield finding


def _gold_versions(ports: LoopPorts) -> Iterator[Finding]:
    gold = GoldStore(ports.tables.gold)
    for version in gold.log():
        if version.removed_at is not None:
            continue
        try:
            gold.read(version.version)
        except (GoldVersionError, StoredValueError) as error:
            yield Finding("gold versions never change", str(error), "Restore a backup: `goldloop restore`.")


def _answers(state: LoopState) -> Iterator[Finding]:
    """Look for answers to tasks that nobody planned, and for one server task that stands for two."""
    tasks = state.snapshot.tasks
    strange = sorted(
        str(answer.annotation_id)
        for answer in state.snapshot.annotations
        if answer.key not in tasks and answer.status is not AnnotationStatus.RETRACTED
    )
    if strange:
        detail = f"{len(strange)} kept annotations belong to no planned task: {_listed(strange)}"
        yield Finding("answers belong to planned tasks", detail, "Restore a backup: `goldloop restore`.")
    uses = Counter(state.snapshot.pushed.values())
    doubled = sorted(str(task_id) for task_id, n in uses.items() if n > 1)
    if doubled:
        detail = f"tasks {_listed(doubled)} of the server each stand for several planned tasks"
        yield Finding("each task exists once", detail, "Run `goldloop check --repair`.")


def _contents(ports: LoopPorts, state: LoopState, *, is_repairing: bool) -> Iterator[Finding]:
    """Look for samples that annotators see, or that gold holds, whose kept content is missing or altered."""
    store, wanted = ports.modality.store, {record.sample_id for record in state.snapshot.gold.records}
    wanted |= {state.snapshot.tasks[key].sample_id for key in state.snapshot.pushed}
    for sample_id in sorted(wanted):
        try:
            store.load(sample_id)
        except UnreadableSampleError as error:
            next_step, is_repaired = "Run `goldloop check --repair`.", False
            if is_repairing:
                why = keep_samples(ports.tables, store, [sample_id]).lost.get(sample_id)
                next_step = f"Put the file back ({why}), or restore a backup." if why else "It is kept again."
                is_repaired = why is None
            detail = f"sample {sample_id[:12]}: {error}"
            yield Finding("contents are kept", detail, next_step, is_repaired)


def _tasks(
    ports: LoopPorts, state: LoopState, queue: LabelingQueue, *, is_repairing: bool
) -> Iterator[Finding]:
    on_server = queue.all_tasks()
    pushed = state.snapshot.pushed
    lost = sorted(key for key, task_id in pushed.items() if on_server.get(task_id) != key)
    planned = set(state.snapshot.tasks)
    unknown = sorted(
        str(task_id) for task_id, key in on_server.items() if key in planned and pushed.get(key) != task_id
    )
    if not lost and not unknown:
        yield from _answers_on_server(ports, state, queue)
        return
    detail = (
        f"{len(lost)} tasks of the log are not on the server, {len(unknown)} of the server not in the log"
    )
    finding = Finding("the task log and the server agree", detail, "Run `goldloop check --repair`.")
    if is_repairing:
        try:
            agree_with_server(ports.labeling(queue), state, is_full=True)
        except TasksLostError as error:
            finding = replace(finding, next_step=str(error))
        else:
            done = "The task log now says what the server holds."
            finding = replace(finding, next_step=done, is_repaired=True)
    yield finding


def _answers_on_server(ports: LoopPorts, state: LoopState, queue: LabelingQueue) -> Iterator[Finding]:
    check = read_check(ports.tables.server_checks)
    sentence = answers_sentence(answer_totals(state.snapshot), check, queue.counts())
    if "goldloop pull" in sentence:
        yield Finding("answers are pulled", sentence, "Run `goldloop pull`.")


def _altered_tasks(state: LoopState, queue: LabelingQueue) -> Iterator[Finding]:
    by_id = by_task_id(state.snapshot.tasks)
    listed = [task for page in queue.changed_since(None) for task in page if task.task_id in by_id]
    altered = [task.task_id for task in listed if is_altered(task, by_id[task.task_id])]
    for sentence in altered_sentences(altered, by_id):
        yield Finding("tasks show what was pushed", sentence, "Run `goldloop pull` after that.")


def _champion(ports: LoopPorts) -> Iterator[Finding]:
    problem = champion_problem(ports, read_models(ports.tables).champion)
    if problem:
        step = "Run `goldloop rollback`, as above." if "goldloop rollback" in problem else "See above."
        yield Finding("the champion is that of the last decision", problem, step)


def _present_gold(ports: LoopPorts, state: LoopState, *, is_repairing: bool) -> Iterator[Finding]:
    """Compare the labels in gold with what all kept answers give; they differ after a pull that was killed.

    How sure a label is may differ: it also follows from later rounds, up to the next pull.
    """
    present = state.snapshot.gold
    derived, held = (
        {(record.sample_id, record.label, record.split) for record in records}
        for records in (gold_records(state.outcomes), present.records)
    )
    samples = {sample_id for sample_id, _, _ in derived ^ held}
    if not samples:
        return
    detail = (
        f"gold version {present.version.version} holds other labels than the kept answers give, "
        f"for {len(samples)} samples: {_listed(sorted(sample_id[:12] for sample_id in samples))}"
    )
    finding = Finding("gold follows from the answers", detail, "Run `goldloop pull`.")
    if is_repairing:
        report = PullReport()
        derive_gold(ports.labeling(), state, report)
        finding = replace(finding, next_step=f"Gold version {report.gold_version} is.", is_repaired=True)
    yield finding


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
