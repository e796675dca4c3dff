"""The ML backend before a real Label Studio: which tasks have a suggestion when somebody opens them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.adapters.label_studio.ml_backend import MARK, ConnectedBackend, MlBackend, MlBackendServer
from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.core.errors import ServiceError
from goldloop.core.tasks import NewTask, Purpose
from goldloop.services import Endpoints
from goldloop.settings.metrics import MetricsAddress
from tests.contracts.labeling import LABELS, RealDesk
from tests.live_tasks import LiveTasks

pytestmark = [pytest.mark.servers, pytest.mark.parametrize("made", ["real"], indirect=True)]

PASSWORD = "known to one server"
HERE = MetricsAddress("127.0.0.1", 0)


@contextmanager
def backend(tasks: LiveTasks) -> Iterator[MlBackendServer]:
    """Yield the running backend of a workspace in memory."""
    live = tasks.live
    what = MlBackend(live.suggest, live.version, LABELS, "image", TaskKeys(b"of this workspace"))
    server = MlBackendServer(HERE, what, password=PASSWORD)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def connected(tasks: LiveTasks, queue: LabelStudioQueue, services: Endpoints) -> Iterator[ConnectedBackend]:
    """Yield the backend as the main project of `queue` knows it."""
    place = services.label_studio
    with backend(tasks) as server:
        at = f"http://127.0.0.1:{server.port}"
        made = ConnectedBackend(place.url, place.token, queue.projects.main, address=at, password=PASSWORD)
        made.show(tasks.live.version())
        yield made
        made.remove()


def blind_tasks(tasks: LiveTasks, model: str) -> list[NewTask]:
    """Plan and return a task of every kind that shows no suggestion."""
    kinds = (Purpose.REVIEW, Purpose.AUDIT, Purpose.FULL, Purpose.RECHECK, Purpose.SEED)
    return [
        one
        for n, kind in enumerate(kinds)
        for one in tasks.plan(model, [10 + n], purpose=kind, is_shown=False)
    ]


def two_rounds(queue: LabelStudioQueue) -> tuple[LiveTasks, dict[str, int], list[NewTask]]:
    """Push tasks of a first model, then of a second; return task ids, and the tasks that are blind."""
    tasks = LiveTasks()
    tasks.score("1", dict.fromkeys(range(20), "cat"), confidence=0.58)
    tasks.crown("1")
    ids = queue.push(tasks.plan("1", [1, 3]))
    tasks.score("2", {n: "dog" if n == 3 else "cat" for n in range(20)}, confidence=0.71)
    tasks.crown("2")
    blind = blind_tasks(tasks, "2")
    ids |= queue.push([*tasks.plan("2", [2]), *blind])
    return tasks, ids, blind


def opened(desk: RealDesk, task_id: int) -> Any:
    """Open a task as its page does; return its predictions."""
    return desk._ask("GET", f"/api/tasks/{task_id}/", desk.people[0], None)["predictions"]


def given(desk: RealDesk) -> dict[str, Any]:
    """Skip through the whole stream as one annotator; return the predictions of each task by sealed key."""
    found = {}
    while True:
        address = f"/api/projects/{desk.projects.main}/next"
        reply = desk.http.get(address, headers={"Authorization": f"Token {desk.tokens[desk.people[0]]}"})
        if reply.status_code == httpx.codes.NOT_FOUND:
            return found
        task = reply.raise_for_status().json()
        found[task["id"]] = task["predictions"]
        desk.skip(task["id"], desk.people[0])


def shown(predictions: list[dict[str, Any]]) -> list[tuple[str, float, str]]:
    """Return label, score and model of predictions."""
    return [
        (one["result"][0]["value"]["choices"][0], round(one["score"], 3), one["model_version"])
        for one in predictions
    ]


def test_the_stream_suggests_what_the_champion_says_and_nothing_in_blind_tasks(
    queue: LabelStudioQueue, desk: RealDesk, services: Endpoints
) -> None:
    """A task of an earlier model is preselected again where the champion agrees with what it records."""
    tasks, ids, blind = two_rounds(queue)
    with connected(tasks, queue, services):
        seen = given(desk)

    by_number = {key.partition(":")[0]: seen[task_id] for key, task_id in ids.items() if task_id in seen}
    assert len(seen) == len(ids)
    assert shown(by_number[f"{1:064x}"]) == [("cat", 0.71, "2")]
    assert shown(by_number[f"{2:064x}"]) == [("cat", 0.58, "2")]
    assert by_number[f"{3:064x}"] == []  # the champion says something else than the task
    assert all(seen[ids[one.key]] == [] for one in blind)


def test_opening_a_blind_task_alone_stores_no_prediction(
    queue: LabelStudioQueue, desk: RealDesk, services: Endpoints
) -> None:
    """Label Studio asks about every task that has none; the record of a pull stays what it was."""
    tasks, ids, blind = two_rounds(queue)
    with connected(tasks, queue, services):
        for one in blind:
            assert opened(desk, ids[one.key]) == []
        desk.answer(ids[f"{1:064x}:review"], desk.people[0], "cat")
        desk.answer(ids[blind[0].key], desk.people[0], "cat")

    states = {state.key: state for page in queue.changed_since(None) for state in page}
    (suggested,) = states[f"{1:064x}:review"].annotations
    (unseen,) = states[blind[0].key].annotations
    assert (suggested.shown_label, suggested.shown_model_version) == ("cat", "1")
    assert unseen.shown_label is None


def test_it_follows_the_model_that_annotators_see_and_leaves_nothing_behind(
    queue: LabelStudioQueue, desk: RealDesk, services: Endpoints
) -> None:
    """Its title is the shown version, also after a restart without an end; removed, the project has none."""
    tasks, ids, _ = two_rounds(queue)
    place = services.label_studio
    signed = {"Authorization": f"Token {place.token}"}
    asked = {"project": queue.projects.main}

    def known() -> Any:
        with httpx.Client(base_url=place.url, headers=signed, timeout=60, trust_env=False) as http:
            return http.get("/api/ml/", params=asked).raise_for_status().json()

    with connected(tasks, queue, services) as first:
        first.show("1")
        assert [(one["title"], one["description"]) for one in known()] == [("1", MARK)]
        with connected(tasks, queue, services):
            assert [(one["title"], one["state"]) for one in known()] == [("2", "CO")]
    assert known() == []
    assert shown(given(desk)[ids[f"{2:064x}:review"]]) == [("cat", 0.58, "2")]


def test_labels_that_the_project_lacks_are_refused(queue: LabelStudioQueue, services: Endpoints) -> None:
    """Label Studio's own words say which."""
    place, live = services.label_studio, LiveTasks().live
    what = MlBackend(live.suggest, live.version, type(LABELS).of(["cat", "owl"]), "image", TaskKeys())
    server = MlBackendServer(HERE, what, password=PASSWORD)
    try:
        at = f"http://127.0.0.1:{server.port}"
        made = ConnectedBackend(place.url, place.token, queue.projects.main, address=at, password=PASSWORD)
        with pytest.raises(ServiceError, match="connect the suggestions"):
            made.show("none yet")
    finally:
        server.close()
