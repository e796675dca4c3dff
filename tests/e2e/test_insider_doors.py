"""An annotator's login and token open the labelling page of the embedded Label Studio, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.services import LabelStudioEndpoint
from goldloop.settings.workspace import Workspace
from tests.e2e.doors import DOORS, PAGES, TO_IMAGES, Door
from tests.e2e.insider import DOG, FORGED, LABELS, Scene, browser_of, scene, task, token_of
from tests.e2e.person import Person

pytestmark = pytest.mark.servers

_numbers = count(1)


@pytest.fixture(scope="module")
def stage(services: Any) -> Scene:
    """Two annotators who have answered the same audit."""
    return scene(services.label_studio, f"doors-{next(_numbers)}")


@pytest.fixture
def server_state(stage: Scene, server: LabelStudioEndpoint) -> Any:
    """Return a function that reads what the owner sees of everything that an insider may want to change."""
    headers = {"Authorization": f"Token {server.token}"}

    def read() -> list[Any]:
        with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as owner:
            return [
                without_times(owner.get(stage.address(path)).raise_for_status().json())
                for path in (
                    *("/api/tasks/?project={project}&fields=all", "/api/projects/?include=id,title"),
                    *("/api/users/", "/api/webhooks/", "/api/storages/export?project={project}"),
                    *("/api/dm/views/?project={project}", "/api/jwt/settings", "/api/invite"),
                )
            ]

    return read


def without_times(found: Any) -> Any:
    """Return a reply without what changes by itself."""
    if isinstance(found, dict):
        return {
            key: without_times(value)
            for key, value in found.items()
            if key not in ("last_activity", "created_ago")
        }
    return [without_times(value) for value in found] if isinstance(found, list) else found


def files_in(workspace: Workspace) -> set[str]:
    """Return the names of the files in the images folder."""
    return {str(path) for path in workspace.images.rglob("*")}


@pytest.fixture(params=["token", "login"])
def insider(request: pytest.FixtureRequest, stage: Scene) -> Iterator[tuple[httpx.Client, list[Door]]]:
    """The insider's client, and the doors to try with it."""
    if request.param == "token":
        with token_of(stage.insider) as client:
            yield client, DOORS
    else:
        with browser_of(stage.insider, "mallory@insider.example") as client:
            yield client, [*DOORS, *PAGES]


def test_every_door_is_closed(
    stage: Scene,
    server: LabelStudioEndpoint,
    services_workspace: Workspace,
    server_state: Any,
    insider: tuple[httpx.Client, list[Door]],
) -> None:
    """Each request is refused, by token and by login, and nothing on the server changes."""
    before, files = server_state(), files_in(services_workspace)
    client, doors = insider
    opened = []
    for method, path, body in doors:
        sent = stage.filled(body)
        if isinstance(sent, dict) and "path" in sent:
            sent["path"] = sent["path"].replace("FILES", str(server.files_root))
        reply = client.request(method, stage.address(path), json=sent)
        if reply.status_code != 403:
            opened.append((reply.status_code, method, path, body))

    assert opened == []
    assert server_state() == before
    assert files_in(services_workspace) == files


def test_a_refusal_names_the_reason_and_the_way_on(stage: Scene) -> None:
    """The message says what is closed and whose account opens it."""
    with token_of(stage.insider) as client:
        settings = client.post("/api/jwt/settings", json={"legacy_api_tokens_enabled": False}).json()
        hers = client.delete(stage.address("/api/annotations/{hers}/")).json()

    assert "POST jwt_auth:api-jwt-settings is not for annotators" in settings["detail"]
    assert f"annotation {stage.numbers['hers']} is not yours" in hers["detail"]
    assert "`goldloop up`" in hers["detail"]


def test_blind_answers_of_others_are_not_shown(stage: Scene) -> None:
    """Neither a task nor the list names who has answered or what; one's own answer is there."""
    own = stage.numbers["mine"]
    with token_of(stage.insider) as client:
        one = client.get(stage.address("/api/tasks/{audit}/")).raise_for_status().json()
        listed = client.get(stage.address("/api/tasks/?project={project}&fields=all")).raise_for_status()
        stub = client.get(stage.address("/api/tasks/{audit}/?annotations_stub=true")).raise_for_status()
        people = client.get("/api/users/").raise_for_status().json()
        actions = client.get(stage.address("/api/dm/actions/?project={project}")).raise_for_status().json()

    listed_audit = next(it for it in listed.json()["tasks"] if it["id"] == stage.numbers["audit"])
    for it in (one, stub.json(), listed_audit):
        assert [given["id"] for given in it["annotations"]] == [own]
    for shown in (one, *listed.json()["tasks"]):
        assert (shown["annotators"], shown["annotations_results"], shown["annotations_ids"]) == ([], "", "")
        assert (shown["updated_by"], shown["avg_lead_time"]) == ([], None)
    assert "ann@insider.example" not in listed.text + stub.text
    assert [it["id"] for it in people] == [stage.numbers["me"]]
    assert actions == []


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ("annotations_results", "String", "nothing"),
        ("annotators", "List", 987),
        ("annotations_ids", "String", "nothing"),
        ("data.key", "String", "nothing"),
    ],
)
def test_no_filter_tells_what_others_answered(stage: Scene, column: str, kind: str, value: str | int) -> None:
    """Filters of one's own are refused in the list, and the next task does not depend on them."""
    item = {"filter": f"filter:tasks:{column}", "operator": "contains", "type": kind, "value": value}
    wanted = {"filters": {"conjunction": "and", "items": [item]}}
    with token_of(stage.insider) as client:
        listing = stage.address("/api/tasks/?project={project}")
        by_body = client.request("GET", listing, json=wanted)
        by_address = client.get(listing, params={"project": stage.numbers["project"], "query": "{}"})
        stream = stage.address("/api/dm/actions/?id=next_task&project={project}")
        following = [client.post(stream, json=sent).json()["id"] for sent in (wanted, {})]

    assert (by_body.status_code, by_address.status_code) == (403, 403)
    assert following[0] == following[1]


def test_the_barred_stay_barred(stage: Scene) -> None:
    """The skip by which goldloop bars somebody is not theirs to change, nor the case theirs to read."""
    case = replace(task(9, Purpose.ADJUDICATION), answers={"cat": 1}, barred=(stage.insider.user_id,))
    (task_id,) = stage.queue.push([case]).values()
    with token_of(stage.insider) as client:
        found = client.get(f"/api/tasks/{task_id}/").raise_for_status().json()
        listed = client.get(stage.address("/api/tasks/?project={adjudication}")).raise_for_status().json()
        (skip,) = [it["id"] for it in found["annotations"]]
        replies = [
            client.delete(f"/api/annotations/{skip}/"),
            client.patch(f"/api/annotations/{skip}/", json={"result": DOG, "was_cancelled": False}),
            client.post(f"/api/annotations/{skip}/convert-to-draft", json={}),
            client.post(f"/api/tasks/{task_id}/annotations/", json=FORGED),
        ]

    assert [reply.status_code for reply in replies] == [403] * 4
    shown = [found, *(it for it in listed["tasks"] if it["id"] == task_id)]
    assert [it["data"]["answers"] for it in shown] == ["", ""], "how the others answered"


def test_a_closed_task_takes_answers_only_from_whom_it_was_given(stage: Scene) -> None:
    """Nobody adds a vote to a task that has its answers; who was given it before may still answer."""
    ids = stage.queue.push([task(20, Purpose.ONBOARDING), task(21, Purpose.AUDIT), task(22, Purpose.AUDIT)])
    given, closed = list(ids.values())[1:]
    with token_of(stage.insider) as client:
        stream = stage.address("/api/dm/actions/?id=next_task&project={project}")
        chosen = {"selectedItems": {"all": False, "included": [given]}}
        assert client.post(stream, json=chosen).raise_for_status().json()["id"] == given
        for task_id in (given, closed):
            stage.colleague.answer(task_id, "cat")
        late = client.post(f"/api/tasks/{given}/annotations/", json=FORGED)
        added = client.post(f"/api/tasks/{closed}/annotations/", json=FORGED)

    assert (late.status_code, added.status_code) == (201, 403)
    assert "you were not given it" in added.json()["detail"]


def test_own_work_goes_on(stage: Scene) -> None:
    """With the same account: take the next task, draft, answer, change, take back, and set one's keys."""
    with token_of(stage.insider) as client:
        stream = stage.address("/api/dm/actions/?id=next_task&project={project}")
        task_id = client.post(stream, json={}).raise_for_status().json()["id"]
        project = str(stage.numbers["project"])
        draft = client.post(f"/api/tasks/{task_id}/drafts", json=FORGED).raise_for_status().json()["id"]
        client.patch(f"/api/drafts/{draft}/", json=FORGED).raise_for_status()
        given = client.post(
            f"/api/tasks/{task_id}/annotations/", json=FORGED | {"draft_id": draft, "project": project}
        )
        own = given.raise_for_status().json()["id"]
        client.patch(f"/api/annotations/{own}/", json=FORGED | {"project": project}).raise_for_status()
        client.delete(f"/api/annotations/{own}/").raise_for_status()
        client.patch(f"/api/users/{stage.numbers['me']}/", json={"first_name": "M"}).raise_for_status()
        client.patch("/api/current-user/hotkeys/", json={"custom_hotkeys": {}}).raise_for_status()


def test_the_owner_keeps_every_door(stage: Scene, server: LabelStudioEndpoint) -> None:
    """Goldloop's own account sees all answers and may change them."""
    headers = {"Authorization": f"Token {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as owner:
        shown = owner.get(stage.address("/api/tasks/{audit}/")).raise_for_status().json()["annotations"]
        assert {it["id"] for it in shown} == {stage.numbers["mine"], stage.numbers["hers"]}
        assert owner.get("/people/").status_code == 302  # a page takes no token
        owner.get(stage.address("/api/projects/{project}/export?exportType=JSON")).raise_for_status()


def test_the_images_folder_is_read_only(
    stage: Scene, server: LabelStudioEndpoint, services_workspace: Workspace
) -> None:
    """Not even goldloop's own account can make Label Studio write answers into images/."""
    storage = stage.filled(TO_IMAGES) | {"path": f"{server.files_root}/images"}
    before = files_in(services_workspace)
    headers = {"Authorization": f"Token {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as owner:
        made = owner.post("/api/storages/export/localfiles", json=storage)
        checked = owner.post("/api/storages/export/localfiles/validate", json=storage)
        stage.colleague.answer(stage.numbers["review"], "cat")

    assert (made.status_code, checked.status_code) == (400, 400)
    assert "read-only" in made.text
    assert files_in(services_workspace) == before


def test_the_purpose_is_not_legible(server: LabelStudioEndpoint) -> None:
    """An audit and a recheck look alike to an annotator, as do a seed and a blind review."""
    name = f"purposes-{next(_numbers)}"
    projects = ensure_projects(server.url, server.token, name=name, labels=LABELS, images_root=None)
    queue = LabelStudioQueue(server.url, server.token, projects, LABELS, secret=b"of this workspace")
    mallory = Person.hired(server, "mallory@insider.example")
    purposes = (Purpose.AUDIT, Purpose.RECHECK, Purpose.SEED, Purpose.REVIEW)
    pushed = [
        NewTask(SampleId(f"{n:064x}"), purpose, BatchId("b"), "a.png") for n, purpose in enumerate(purposes)
    ]
    ids = queue.push(pushed)
    assert queue.find([one.key for one in pushed]) == {one.key: [ids[one.key]] for one in pushed}
    assert set(queue.all_tasks().values()) == ids.keys()

    with token_of(mallory) as client:
        audit, recheck, seed, review = (
            client.get(f"/api/tasks/{task_id}/").raise_for_status().json() for task_id in ids.values()
        )
        tabs = queue.tabs()
        listed = client.get("/api/tasks/", params={"view": tabs["Blind check"]}).raise_for_status()

    assert [it["id"] for it in listed.json()["tasks"]] == [audit["id"], recheck["id"]]
    for one, other in ((audit, recheck), (seed, review)):
        assert legible(one) == legible(other)
    for purpose in purposes:
        assert f":{purpose}" not in listed.text
        assert all(f":{purpose}" not in str(one["data"]) for one in (audit, recheck, seed, review))


def legible(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is left of a task without its number, its times and the encrypted part of its key."""
    left = {
        key: value
        for key, value in found.items()
        if key not in ("id", "inner_id", "created_at", "updated_at")
    }
    return left | {"data": found["data"] | {"key": found["data"]["key"].partition(":")[2]}}
