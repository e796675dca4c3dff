"""Handwritten digits, and people who answer the same of each whenever and wherever they are asked."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.adapters.label_studio.payload import choice_result
from goldloop.core.samples import SampleId
from goldloop.core.tasks import split_key
from goldloop.services import LabelStudioEndpoint
from scripts.demo_loop.pictures import Picture, digits


def some_digits(folder: Path, n: int) -> list[Picture]:
    """Write the first `n` of scikit-learn's handwritten digits into `folder` and return them."""
    found = digits(folder, seed=0)
    known = sorted([*found.pool, *found.test], key=lambda one: one.path)
    for one in known[n:]:
        one.path.unlink()
    return known[:n]


def said_by_truth(pictures: list[Picture]) -> dict[SampleId, str | None]:
    """Return what people say of each picture: mostly the truth, some mistakes, some skips."""
    said: dict[SampleId, str | None] = {}
    for one in pictures:
        chance = hashlib.sha256(one.sample_id.encode()).digest()[0]
        said[one.sample_id] = (
            None if chance < 10 else str((int(one.label) + 1) % 10) if chance < 25 else one.label
        )
    return said


def answer_all(
    server: LabelStudioEndpoint,
    queue: LabelStudioQueue,
    said: Callable[[SampleId], str | None],
    *,
    n: int | None = None,
) -> dict[str, str | None]:
    """Answer each open task (the first `n`) as `said` of its sample, None for a skip; return that by key."""
    tasks = queue.all_tasks()
    given: dict[str, str | None] = {}
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Token {server.token}"}, timeout=60
    ) as client:
        for task_id in sorted(tasks.keys() - queue.answered(list(tasks)))[:n]:
            label = given[tasks[task_id]] = said(split_key(tasks[task_id])[0])
            answer = {
                "result": [] if label is None else choice_result(label),
                "was_cancelled": label is None,
                "lead_time": 2.0,
                "unique_id": str(uuid.uuid4()),
            }
            client.post(f"/api/tasks/{task_id}/annotations/", json=answer).raise_for_status()
    return given
