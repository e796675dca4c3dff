"""An annotator's account on the embedded Label Studio stops nobody's work and no command of goldloop."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest

from goldloop.adapters.label_studio.assignment import barring
from goldloop.core.annotations import AnnotationStatus, TaskState
from goldloop.core.tasks import Purpose
from goldloop.services import LabelStudioEndpoint
from tests.e2e.embedded_servers import let_into_everything
from tests.e2e.insider import DOG, FORGED, Scene, scene, task, token_of
from tests.e2e.person import Person

pytestmark = pytest.mark.servers

_numbers = count(1)
JSON = {"Content-Type": "application/json"}
INFINITE = '{"lead_time": 1e999, "result": []}'
STREAM = "/api/dm/actions?id=next_task&project={project}"


@pytest.fixture(scope="module")
def stage(services: Any) -> Scene:
    """Two annotators who have answered the same audit."""
    return scene(services.label_studio, f"poison-{next(_numbers)}")


@pytest.fixture
def insider(stage: Scene) -> Iterator[httpx.Client]:
    """Yield the insider's client."""
    with token_of(stage.insider) as client:
        yield client


@pytest.fixture
def owner(server: LabelStudioEndpoint) -> Iterator[httpx.Client]:
    """Yield the client of goldloop's own account."""
    headers = {"Authorization": f"Token {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def states(stage: Scene) -> dict[int, TaskState]:
    """Return what a pull reads of each task."""
    return {one.task_id: one for page in stage.queue.changed_since(None) for one in page}


def only(task_id: int) -> dict[str, Any]:
    """Return the request for one task of the stream."""
    return {"selectedItems": {"all": False, "included": [task_id]}}


def test_the_next_task_tells_nothing_of_others(stage: Scene, insider: httpx.Client) -> None:
    """Neither who has answered it nor how many, nor how many goldloop asks; the list tells no more."""
    (task_id,) = stage.queue.push([task(40, Purpose.AUDIT)]).values()
    stage.queue.ask({task_id: 3})
    stage.colleague.answer(task_id, "cat")

    given = insider.post(stage.address(STREAM), json=only(task_id)).raise_for_status().json()
    again = insider.get(stage.address("/api/projects/{project}/next")).raise_for_status().json()
    listed = insider.get(stage.address("/api/tasks/?project={project}&fields=all")).raise_for_status().json()

    assert (given["id"], again["id"]) == (task_id, task_id)
    hidden = ("overlap", "total_annotations", "cancelled_annotations", "completed_at", "updated_at")
    for shown in (given, again, *listed["tasks"]):
        assert shown["updated_by"] == []
        assert {shown.get(name) for name in (*hidden, "draft_exists")} == {None}


def test_nobody_holds_more_than_one_task(stage: Scene, insider: httpx.Client) -> None:
    """A script that takes every open task leaves all but the last to the others."""
    ids = list(stage.queue.push([task(number, Purpose.REVIEW) for number in range(50, 54)]).values())
    for task_id in ids:
        assert insider.post(stage.address(STREAM), json=only(task_id)).json()["id"] == task_id

    with token_of(stage.colleague) as client:
        replies = [client.post(stage.address(STREAM), json=only(task_id)) for task_id in ids]

    assert [reply.status_code for reply in replies] == [200, 200, 200, 404]


def test_a_task_that_was_given_long_ago_is_not_answered_once_it_is_closed(
    stage: Scene, insider: httpx.Client
) -> None:
    """Nobody takes every task of a round first, to vote on the closed ones later."""
    ids = list(stage.queue.push([task(number, Purpose.REVIEW) for number in range(60, 72)]).values())
    for task_id in ids:
        insider.post(stage.address(STREAM), json=only(task_id)).raise_for_status()
    stage.colleague.answer(ids[0], "cat")
    stage.colleague.answer(ids[-2], "cat")

    replies = [insider.post(f"/api/tasks/{it}/annotations/", json=FORGED) for it in (ids[0], ids[-2])]

    assert [reply.status_code for reply in replies] == [403, 201]


def test_one_of_many_answers_at_one_moment_is_taken(stage: Scene) -> None:
    """A script that answers a task from many connections at once has answered it once."""
    ids = stage.queue.push([task(number, Purpose.AUDIT) for number in range(120, 126)]).values()

    def answer(task_id: int) -> int:
        with token_of(stage.insider) as client:
            return client.post(f"/api/tasks/{task_id}/annotations/", json=FORGED).status_code

    with ThreadPoolExecutor(12) as threads:
        codes = {task_id: Counter(threads.map(answer, [task_id] * 12)) for task_id in ids}

    assert [count[201] for count in codes.values()] == [1] * len(codes)


@pytest.mark.parametrize(
    "sent",
    [
        INFINITE,
        '{"lead_time": 2, "result": [{"from_name": "label", "value": {"choices": ["\\ud800"]}}]}',
        '{"lead_time": 2, "result": [{"from_name": "label", "value": {"choices": ["a\\u0000"]}}]}',
        '{"lead_time": 2, "result": [{"from_name": "zzz", "value": {"choices": ["x"]}}]}',
        '{"lead_time": 2, "result": [5]}',
        '{"lead_time": 2, "result": "[]"}',
        '{"lead_time": 2, "result": ' + "[" * 400 + "]" * 400 + "}",
        json.dumps({"lead_time": 2, "result": DOG, "unique_id": "x" * 200_000}),
    ],
)
def test_what_would_stop_a_pull_is_not_stored(
    stage: Scene, insider: httpx.Client, owner: httpx.Client, sent: str
) -> None:
    """As answer, change, draft or hotkeys; goldloop reads the tasks and the accounts as before."""
    before = states(stage)
    hotkeys = '{"custom_hotkeys": {"a:b": {"key": "x", "more": ' + sent + "}}}"
    replies = [
        insider.post(stage.address("/api/tasks/{review}/annotations/"), content=sent, headers=JSON),
        insider.patch(stage.address("/api/annotations/{mine}/"), content=sent, headers=JSON),
        insider.post(stage.address("/api/tasks/{review}/drafts"), content=sent, headers=JSON),
    ]
    insider.patch("/api/current-user/hotkeys/", content=hotkeys, headers=JSON)

    assert [reply.status_code for reply in replies] == [403] * 3
    assert states(stage) == before
    assert all(one.is_listed for one in before.values())
    assert {str(it["id"]) for it in owner.get("/api/users/").raise_for_status().json()} >= {
        stage.insider.user_id,
        stage.colleague.user_id,
    }


def test_drafts_are_few_and_lie_on_the_task_of_their_answer(stage: Scene, insider: httpx.Client) -> None:
    """A script does not fill the disk, and no draft names an answer to another task."""
    (task_id,) = stage.queue.push([task(80, Purpose.REVIEW)]).values()
    replies = [insider.post(f"/api/tasks/{task_id}/drafts", json=FORGED) for _ in range(22)]
    misplaced = insider.post(stage.address(f"/api/tasks/{task_id}/annotations/{{mine}}/drafts"), json=FORGED)

    assert [reply.status_code for reply in replies] == [201] * 20 + [403] * 2
    assert misplaced.status_code == 403


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_a_page_of_another_server_sends_nothing_and_frames_nothing(
    stage: Scene, owner: httpx.Client, site: str
) -> None:
    """Browsers send the session of goldloop's own account along, also from another port."""
    path = stage.address("/api/dm/actions?id=retrieve_tasks_predictions&project={project}")
    foreign = owner.post(path, data={"x": "1"}, headers={"Sec-Fetch-Site": site})
    own = owner.get("/user/login/", headers={"Sec-Fetch-Site": "same-origin"})

    assert foreign.status_code == 403
    assert own.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_nobody_hides_an_answer_behind_the_mark_of_the_barred(stage: Scene, insider: httpx.Client) -> None:
    """A skip that its annotator has saved is a skip, whatever its result."""
    (task_id,) = stage.queue.push([task(90, Purpose.REVIEW)]).values()
    mark = barring(stage.insider.user_id)["result"]
    sent = {"result": mark, "was_cancelled": True, "lead_time": 2.0}
    insider.post(f"/api/tasks/{task_id}/annotations/", json=sent).raise_for_status()

    (found,) = states(stage)[task_id].annotations
    assert (found.annotator, found.status) == (stage.insider.user_id, AnnotationStatus.SKIP)
    assert stage.queue.answered([task_id]) == {task_id}


def test_a_task_that_the_server_cannot_list_stops_no_comparison(
    stage: Scene, server: LabelStudioEndpoint
) -> None:
    """On a server without doors somebody stores an infinite time; the other tasks are read all the same."""
    ids = list(stage.queue.push([task(number, Purpose.REVIEW) for number in (100, 101)]).values())
    free = Person.hired(server, "free@insider.example")
    let_into_everything(server, free.user_id)
    with token_of(free) as client:
        client.post(f"/api/tasks/{ids[0]}/annotations/", content=INFINITE, headers=JSON)
    stage.colleague.answer(ids[1], "cat")

    broken, whole = stage.queue.states(ids)
    assert (broken.is_listed, whole.is_listed) == (False, True)
    assert [it.label for it in whole.annotations] == ["cat"]
    assert stage.queue.answered(ids) == set(ids)
