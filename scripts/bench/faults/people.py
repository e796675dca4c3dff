"""Pictures of three colours, and people who answer the same of each whenever they are asked."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.adapters.label_studio.payload import choice_result
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import split_key
from goldloop.services import LabelStudioEndpoint

LABELS = ("red", "green", "blue")


def pictures(folder: Path, n: int, *, seed: int) -> dict[SampleId, str]:
    """Write `n` noisy pictures into `folder`; return their labels."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    truth = {}
    for number in range(n):
        column = number % len(LABELS)
        pixels = rng.normal(110, 60, (32, 32, 3))
        pixels[..., column] += 25
        path = folder / f"{number:03}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        truth[sample_id_of(path.read_bytes())] = LABELS[column]
    return truth


def answer_all(
    server: LabelStudioEndpoint,
    queue: LabelStudioQueue,
    said: Callable[[SampleId], str | None],
    *,
    n: int | None = None,
    kind: str = "image",
) -> dict[str, str | None]:
    """Answer each open task (the first `n`) as `said` of its sample, None for a skip; return that by key.

    `kind` is the workspace's.
    """
    tasks = queue.all_tasks()
    given: dict[str, str | None] = {}
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Token {server.token}"}, timeout=60
    ) as client:
        for task_id in sorted(tasks.keys() - queue.answered(list(tasks)))[:n]:
            label = given[tasks[task_id]] = said(split_key(tasks[task_id])[0])
            answer = {
                "result": [] if label is None else choice_result(label, kind),
                "was_cancelled": label is None,
                "lead_time": 2.0,
                "unique_id": str(uuid.uuid4()),
            }
            client.post(f"/api/tasks/{task_id}/annotations/", json=answer).raise_for_status()
    return given
