"""goldloop's whole push into one project, with tables and pictures of its own."""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

from goldloop.labeling.reconcile import reconcile
from PIL import Image

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.core.clock import now
from goldloop.core.samples import Arrived, SampleId, sample_id_of
from goldloop.core.tasks import Event, NewTask
from goldloop.labeling.push import push_planned
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


def whole_push(queue: LabelStudioQueue, tasks: Sequence[NewTask]) -> Callable[[], object]:
    """Return a push of `tasks` through the task log; their files and rows are made here, before it."""
    folder = Path(tempfile.mkdtemp(prefix="goldloop-bench-push-"))
    parts = Wiring(Workspace.create(folder / "workspace", labels=list(queue.labels)))
    parts.tables.samples.append([_sample_row(folder, task) for task in tasks])

    def agree() -> None:
        reconcile(
            task_log=parts.task_log,
            queue=queue,
            owner="bench",
            clock=now,
            seed=0,
            audit_rate=0.1,
            batches=lambda _: {},
        )

    def push() -> None:
        agree()
        parts.task_log.plan(lambda seq: [_planned_row(task, seq, place) for place, task in enumerate(tasks)])
        report = push_planned(
            tables=parts.tables,
            task_log=parts.task_log,
            queue=queue,
            store=parts.store,
            owner="bench",
            clock=now,
        )
        agree()
        if report.n_pushed != len(tasks):
            raise SystemExit(f"pushed {report.n_pushed} of {len(tasks)} tasks: {report}")

    weakref.finalize(push, shutil.rmtree, folder, ignore_errors=True)
    return push


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
        "arrived_at": now(),
    }


def _planned_row(task: NewTask, seq: int, position: int) -> dict[str, object]:
    return {
        "key": task.key,
        "seq": seq,
        "event": str(Event.PLANNED),
        "at": now(),
        "round": 0,
        "position": position,
        "batch": task.batch,
        "lane": "review",
        "suggested_label": task.suggestion.label if task.suggestion else None,
        "suggested_score": 0.58,
        "hint": task.suggestion.hint if task.suggestion else None,
        "model_version": "1",
        "split": "train",
        "group": task.sample_id[:16],
    }
