"""goldloop's whole push into one project, with tables and pictures of its own, for the bench."""

from __future__ import annotations

import hashlib
import shutil
import struct
import tempfile
import weakref
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.core.clock import now
from goldloop.core.samples import Arrived, sample_id_of
from goldloop.core.tasks import Event, NewTask
from goldloop.labeling.push import push_planned
from goldloop.labeling.reconcile import reconcile
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring

SIDE = 32  # pixels
_pictures: dict[str, bytes] = {}


def picture(name: str) -> bytes:
    """Return a grey PNG of 32 x 32 pixels that no other name has, and remember it by its sample_id."""
    noise = hashlib.shake_256(name.encode()).digest(SIDE * SIDE)
    rows = b"".join(b"\0" + noise[start : start + SIDE] for start in range(0, len(noise), SIDE))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    content = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 1))
        + chunk(b"IEND", b"")
    )
    _pictures[sample_id_of(content)] = content
    return content


def whole_push(queue: LabelStudioQueue, tasks: Sequence[NewTask]) -> Callable[[], object]:
    """Return a push of `tasks` through the task_log; their files and rows are made here, before it."""
    folder = Path(tempfile.mkdtemp(prefix="goldloop-bench-push-"))
    parts = Wiring(Workspace.create(folder / "workspace", labels=list(queue.labels)))
    rows = []
    for number, task in enumerate(tasks):
        path = folder / f"{number}.png"
        path.write_bytes(_pictures[task.sample_id])
        rows.append(
            {
                "sample_id": task.sample_id,
                "batch": task.batch,
                "uri": str(path),
                "stamp": "",
                "size": 0,
                "arrived": str(Arrived.SAMPLE),
                "arrived_at": now(),
            }
        )
    parts.tables.samples.append(rows)

    def planned(seq: int) -> list[dict[str, object]]:
        return [
            {
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
            for position, task in enumerate(tasks)
        ]

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
        parts.task_log.plan(planned)
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
