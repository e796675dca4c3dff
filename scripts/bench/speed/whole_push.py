"""goldloop's whole push into one project and its whole pull, with tables and pictures of its own."""

from __future__ import annotations

import atexit
import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.core.planned_tasks import PlannedTask
from goldloop.core.samples import Arrived, SampleId, sample_id_of
from goldloop.core.splits import Split
from goldloop.core.tasks import NewTask
from goldloop.labeling.push import push_planned
from goldloop.labeling.task_reconciliation import reconcile
from goldloop.loop.ports import LoopPorts
from goldloop.loop.push import push
from goldloop.routing.fit import fit_policy
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring

SIDE_PX = 32
_pictures: dict[SampleId, bytes] = {}


def picture(name: str) -> SampleId:
    """Make and remember a grey PNG of 32 x 32 pixels that no other name has; return its sample_id."""
    noise = hashlib.shake_256(name.encode()).digest(SIDE_PX * SIDE_PX)
    buffer = io.BytesIO()
    Image.frombytes("L", (SIDE_PX, SIDE_PX), noise).save(buffer, "PNG", compress_level=1)
    sample_id = sample_id_of(buffer.getvalue())
    _pictures[sample_id] = buffer.getvalue()
    return sample_id


def ports_with(queue: LabelStudioQueue, tasks: Sequence[NewTask]) -> LoopPorts:
    """Return the ports of a new workspace on the projects of `queue`, with the files and rows of `tasks`.

    The folder stays until the bench ends: ext4 is slow to make files for minutes after many were removed.
    """
    folder = Path(tempfile.mkdtemp(prefix="goldloop-bench-"))
    wiring = Wiring(Workspace.create(folder / "workspace", labels=list(queue.labels)))
    wiring.tables.samples.append([_sample_row(folder, task) for task in tasks])
    ports = replace(wiring.ports, open_queue=lambda: queue)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return ports


def whole_push(queue: LabelStudioQueue, tasks: Sequence[NewTask]) -> Callable[[], object]:
    """Return a push of `tasks` through the task log; their files and rows are made here, before it."""
    ports = ports_with(queue, tasks)
    return lambda: push_whole(ports, tasks)


def push_of_a_round(queue: LabelStudioQueue, tasks: Sequence[NewTask]) -> Callable[[], object]:
    """Return `goldloop push` of a first round about the pictures of `tasks`, which are scored here before it.

    It plans the round and asks for second answers to audits, as the command does.
    """
    folder = Path(tempfile.mkdtemp(prefix="goldloop-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = folder / "pictures"
    source.mkdir()
    for task in tasks:
        (source / f"{task.sample_id}.png").write_bytes(_pictures[task.sample_id])
    selection = {"budget_per_round": 2 * len(tasks)}
    parts = Wiring(Workspace.create(folder / "workspace", labels=list(queue.labels), selection=selection))
    ports = replace(parts.ports, open_queue=lambda: queue)
    score_source(
        str(source),
        reader=parts.modality.reader,
        model=Model(),
        policy=fit_policy(parts.settings).policy,
        tables=parts.tables,
        clock=ports.clock,
    )

    def work() -> None:
        report = push(ports)
        asked = sum(report.follow_ups.asked.values()) if report.follow_ups else 0
        if report.n_pushed != len(tasks) or not asked:
            raise SystemExit(f"pushed {report.n_pushed} of {len(tasks)} tasks, asked about {asked}: {report}")

    return work


def push_whole(ports: LoopPorts, tasks: Sequence[NewTask]) -> None:
    """Plan `tasks` and push them, compared with the server before and after."""
    context = ports.labeling()
    reconcile(context, context.read_state())
    context.task_log.plan(lambda: [_plan(task, position) for position, task in enumerate(tasks)])
    report = push_planned(context)
    reconcile(context, context.read_state())
    if report.n_pushed != len(tasks):
        raise SystemExit(f"pushed {report.n_pushed} of {len(tasks)} tasks: {report}")


def _sample_row(folder: Path, task: NewTask) -> dict[str, object]:
    path = folder / f"{task.sample_id}.png"
    path.write_bytes(_pictures[task.sample_id])
    return {
        "sample_id": task.sample_id,
        "batch": task.batch,
        "uri": str(path),
        "stamp": "",
        "size": 0,
        "arrived": str(Arrived.SAMPLE),
        "arrived_at": datetime.now(UTC),
    }


def _plan(task: NewTask, position: int) -> PlannedTask:
    suggestion = task.suggestion
    return PlannedTask(
        key=task.key,
        round=0,
        position=position,
        planned_at=datetime.now(UTC),
        batch=task.batch,
        lane="review",
        stratum="",
        split=Split.TRAIN,
        group=task.sample_id[:16],
        model_version="1",
        suggested_label=suggestion.label if suggestion else None,
        suggested_score=suggestion.score if suggestion else None,
        hint=suggestion.hint if suggestion else None,
        is_shown=suggestion is not None,
    )
