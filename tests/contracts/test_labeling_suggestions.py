"""Suggestions on a real Label Studio: concurrent writes lose none."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from goldloop.core.ports import LabelingQueue
from tests.contracts.labeling import Desk, blind, review


@pytest.mark.servers
@pytest.mark.parametrize("made", ["real"], indirect=True)
def test_suggestions_survive_an_annotator_who_writes_during_the_import(
    queue: LabelingQueue, desk: Desk, request: pytest.FixtureRequest
) -> None:
    """Every task pushed with a suggestion has exactly one prediction afterwards."""
    first = queue.push([review(0)])[review(0).key]
    is_done = threading.Event()

    def keep_writing() -> None:
        annotation_id = desk.answer(first, desk.people[0], "cat")
        while not is_done.is_set():
            desk.edit(annotation_id, "dog")

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        ids = queue.push([review(number) for number in range(1, 1001)] + [blind(2000)])
    finally:
        is_done.set()
        writer.join()

    assert predictions_by_task(request, queue) == {
        task_id: 1 for key, task_id in {**ids, review(0).key: first}.items() if key != blind(2000).key
    }


@pytest.mark.servers
@pytest.mark.parametrize("made", ["real"], indirect=True)
def test_the_next_push_restores_suggestions_that_were_lost(
    queue: LabelingQueue, request: pytest.FixtureRequest
) -> None:
    """A task whose prediction got lost, as a killed push leaves it, has it again after any later push."""
    ids = queue.push([review(1), review(2), blind(3)])
    with server_client(request) as http:
        (lost,) = predictions_of(http, ids[review(2).key])
        http.delete(f"/api/predictions/{lost['id']}/").raise_for_status()

        queue.push([])

        (restored,) = predictions_of(http, ids[review(2).key])
    for field in ("score", "model_version", "result"):
        assert restored[field] == lost[field]
    assert predictions_by_task(request, queue) == {ids[review(1).key]: 1, ids[review(2).key]: 1}


def server_client(request: pytest.FixtureRequest) -> httpx.Client:
    """Return a client with the owner's token."""
    server = request.getfixturevalue("services").label_studio
    headers = {"Authorization": f"Token {server.token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False)


def predictions_of(http: httpx.Client, task_id: int) -> list[dict[str, Any]]:
    """Return the predictions of one task."""
    reply = http.get("/api/predictions/", params={"task": task_id}).raise_for_status()
    return [row for row in reply.json() if row["task"] == task_id]


def predictions_by_task(request: pytest.FixtureRequest, queue: LabelingQueue) -> dict[int, int]:
    """Return how many predictions each task has on the server; tasks without one are absent."""
    with server_client(request) as http:
        reply = http.get("/api/predictions/", params={"project": queue.projects.main})  # type: ignore[attr-defined]
    n: dict[int, int] = {}
    for row in reply.raise_for_status().json():
        n[row["task"]] = n.get(row["task"], 0) + 1
    return n
