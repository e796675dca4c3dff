"""People who answer every open task of a workspace by the colour of its picture, always alike."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from goldloop.adapters.label_studio.payload import choice_result
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import split_key
from goldloop.services import LabelStudioEndpoint
from goldloop.wiring import open_workspace

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
    server: LabelStudioEndpoint, root: Path, truth: Mapping[SampleId, str], *, share: float = 1.0
) -> int:
    """Answer the first `share` of the open tasks with their true labels; return how many that are."""
    queue = open_workspace(root).queue()
    tasks = queue.all_tasks()
    open_tasks = sorted(tasks.keys() - queue.answered(list(tasks)))
    open_tasks = open_tasks[: round(share * len(open_tasks))]
    headers = {"Authorization": f"Token {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        for task_id in open_tasks:
            label = truth[split_key(tasks[task_id])[0]]
            answer = {"result": choice_result(label), "lead_time": 3.0, "unique_id": str(uuid.uuid4())}
            client.post(f"/api/tasks/{task_id}/annotations/", json=answer).raise_for_status()
    return len(open_tasks)
