"""The queues of a real Label Studio: made once, put right, each giving its own tasks to one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
from goldloop.adapters.label_studio.tabs import EVERYTHING, QUEUES
from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import LabelStudioEndpoint
from tests.e2e.person import Person

pytestmark = pytest.mark.servers

LABELS = LabelSet.of(["cat", "dog"])
TITLES = [EVERYTHING, *QUEUES]
LABEL_ALL = {"project": "1"}  # what the page sends after a click on "Label All Tasks": nothing of the tab
_numbers = count(1)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"tabs-{next(_numbers)}"


def connected(server: LabelStudioEndpoint, name: str) -> LabelStudioQueue:
    """Return the queue of the workspace called `name`."""
    projects = ensure_projects(server.url, server.token, name=name, labels=LABELS, images_root=None)
    return LabelStudioQueue(server.url, server.token, projects, LABELS)


def asked(server: LabelStudioEndpoint, method: str, path: str, **body: object) -> Any:
    """Return the server's reply."""
    headers = {"Authorization": f"Token {server.token}"}
    reply = httpx.request(method, server.url + path, json=body or None, headers=headers, trust_env=False)
    return reply.raise_for_status().json() if reply.content else None


def tabs(server: LabelStudioEndpoint, queue: LabelStudioQueue) -> list[tuple[int, str]]:
    """Return the tabs of the main project as the page shows them, from left to right."""
    found = asked(server, "GET", f"/api/dm/views/?project={queue.projects.main}")
    return [(one["id"], one["data"]["title"]) for one in found]


def keys_in(server: LabelStudioEndpoint, tab: int) -> list[str]:
    """Return the keys of the tasks that a tab shows, in its order."""
    found = asked(server, "GET", f"/api/tasks?view={tab}&page_size=100&fields=task_only")
    return [one["data"]["key"] for one in found["tasks"]]


def task(number: int, purpose: Purpose) -> NewTask:
    """Return a task with a suggestion where it is a quick review."""
    suggestion = Suggestion("cat", 0.58, "3", "Model suggests: cat 58% (dog 30%)")
    shown = suggestion if purpose is Purpose.REVIEW else None
    return NewTask(SampleId(f"{number:064x}"), purpose, BatchId("b"), f"{number}.png", shown)


def one_of_each(queue: LabelStudioQueue) -> dict[Purpose, str]:
    """Push a task of each purpose of the main project; return their keys."""
    purposes = [one for one in Purpose if one.has_votes and not one.is_on_sheet]
    made = {purpose: task(number, purpose) for number, purpose in enumerate(purposes)}
    queue.push(list(made.values()))
    return {purpose: one.key for purpose, one in made.items()}


def test_every_task_waits_in_one_queue(server: LabelStudioEndpoint, name: str) -> None:
    """The tabs lie in the order of the guide; audits and second looks share one, as they look alike."""
    queue = connected(server, name)
    keys = one_of_each(queue)

    assert [title for _, title in tabs(server, queue)] == TITLES
    shown = {title: keys_in(server, tab) for title, tab in queue.tabs().items()}
    assert shown == {
        EVERYTHING: list(keys.values()),
        "Quick review": [keys[Purpose.SEED], keys[Purpose.REVIEW]],
        "Full review": [keys[Purpose.FULL]],
        "Blind check": [keys[Purpose.AUDIT], keys[Purpose.RECHECK]],
        "Appeals": [keys[Purpose.APPEAL]],
    }
    links = queue.project_urls()
    assert {title: links[title] for title in QUEUES} == {
        title: f"{server.url}/projects/{queue.projects.main}/data?tab={tab}&labeling=1"
        for title, tab in queue.tabs().items()
        if title in QUEUES
    }


def test_tabs_are_made_once(server: LabelStudioEndpoint, name: str) -> None:
    """Four who make them at once, and another one later, end with the same ones."""
    with ThreadPoolExecutor(4) as pool:
        queues = list(pool.map(lambda _: connected(server, name), range(4)))

    first = connected(server, name)
    assert [title for _, title in tabs(server, first)] == TITLES
    assert {tuple(one.tabs().items()) for one in queues} == {tuple(first.tabs().items())}


def test_tabs_are_put_right_and_what_is_not_ours_is_left_alone(
    server: LabelStudioEndpoint, name: str
) -> None:
    """A renamed and a deleted tab are made again, filter and order restored, columns are left alone."""
    queue = connected(server, name)
    keys, made = one_of_each(queue), queue.tabs()
    of_people = asked(server, "POST", "/api/dm/views/", project=queue.projects.main, data={"title": "Mine"})[
        "id"
    ]
    renamed, deleted, changed, _ = (made[title] for title in QUEUES)
    address = "/api/dm/views/{}/"
    asked(server, "PATCH", address.format(renamed), project=queue.projects.main, data={"title": "Mine too"})
    asked(server, "DELETE", address.format(deleted))
    columns = {"explore": ["tasks:id"], "labeling": []}
    wrong = {"title": "Blind check", "filters": {"conjunction": "and", "items": []}, "hiddenColumns": columns}
    wrong["ordering"] = ["-tasks:id"]
    asked(server, "PATCH", address.format(changed), project=queue.projects.main, data=wrong)

    queue = connected(server, name)

    assert [title for _, title in tabs(server, queue)] == [*TITLES, "Mine too", "Mine"]
    now = queue.tabs()
    assert (now[EVERYTHING], now["Blind check"]) == (made[EVERYTHING], changed)
    assert not {now["Quick review"], now["Full review"]} & {renamed, deleted, of_people}
    assert keys_in(server, now["Full review"]) == [keys[Purpose.FULL]]
    assert keys_in(server, changed) == [keys[Purpose.AUDIT], keys[Purpose.RECHECK]]
    assert asked(server, "GET", address.format(changed))["data"]["hiddenColumns"] == columns


def test_tasks_of_an_older_version_are_in_their_queue(server: LabelStudioEndpoint, name: str) -> None:
    """A project made before there were queues gets them, first, and its tasks are found there."""
    mark = f"goldloop workspace {name}: labeling"
    project_id = asked(server, "POST", "/api/projects/", title=f"goldloop {name}", description=mark)["id"]
    asked(server, "POST", "/api/dm/views/", project=project_id, data={"title": "Default"})
    key = f"{'0' * 64}:audit"
    data = {"image": "a.png", "hint": "", "key": key, "batch": "b"}
    asked(server, "POST", "/api/tasks/", project=project_id, data=data)

    queue = connected(server, name)

    assert [title for _, title in tabs(server, queue)] == [*TITLES, "Default"]
    assert keys_in(server, queue.tabs()["Blind check"]) == [key]


@pytest.mark.parametrize("sent", [None, LABEL_ALL], ids=["by its address", "Label All Tasks"])
def test_a_queue_gives_each_task_to_one_person(
    server: LabelStudioEndpoint, name: str, sent: dict[str, Any] | None
) -> None:
    """Two people in one tab are given different tasks of it, in order, until it is empty."""
    queue = connected(server, name)
    pushed = [task(number, (Purpose.REVIEW, Purpose.AUDIT)[number % 2]) for number in range(8)]
    ids = queue.push(pushed)
    ann, bob = (Person.hired(server, f"{one}@tabs.example") for one in ("ann", "bob"))
    main, tab = queue.projects.main, queue.tabs()["Quick review"]
    quick = [ids[one.key] for one in pushed if one.purpose is Purpose.REVIEW]

    def shown(tab: int) -> list[int | None]:
        found = [one.shown(main, tab=tab, sent=sent) for one in (ann, bob)]
        return [it and it["id"] for it in found]

    given: list[int] = []
    while any(now := shown(tab)):
        assert shown(tab) == now, "the same task until it is answered"
        given += [it for it in now if it is not None]
        for one, it in zip((ann, bob), now, strict=True):
            one.answer(it or 0, "cat")

    assert given == quick
    assert shown(queue.tabs()["Blind check"]) == [ids[one.key] for one in pushed[1:4:2]]


def test_two_people_who_follow_the_same_link_share_the_work(server: LabelStudioEndpoint, name: str) -> None:
    """However many ask at the same moment for the next of all tasks, none is given to two of them."""
    queue = connected(server, name)
    ids = queue.push([task(number, Purpose.AUDIT) for number in range(12)])
    people = [Person.hired(server, f"{one}@tabs.example") for one in ("ann", "bob", "cyd", "dee")]

    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda one: one.work(queue.projects.main, lambda _: "cat"), people))

    assert sorted(key for one in given for key in one) == sorted(ids)


def test_a_deep_review_is_given_to_two_people_at_once(server: LabelStudioEndpoint, name: str) -> None:
    """Two people are shown it, nobody twice, and nobody else; what one of them skips goes to a third."""
    queue = connected(server, name)
    (task_id,) = queue.push([task(1, Purpose.FULL)]).values()
    queue.ask({task_id: 2})
    ann, bob, cyd, dee = (Person.hired(server, f"{one}@tabs.example") for one in ("ann", "bob", "cyd", "dee"))
    main, tab = queue.projects.main, queue.tabs()["Full review"]

    first = [one.shown(main, tab=tab) for one in (ann, bob)]
    assert [it and it["id"] for it in first] == [task_id, task_id]
    assert [it and (it["predictions"], it["annotations"]) for it in first] == [([], []), ([], [])]
    assert cyd.shown(main, tab=tab) is None
    ann.answer(task_id, "cat")
    assert ann.shown(main, tab=tab) is None
    bob.answer(task_id, None)
    assert list(cyd.work(main, lambda _: "dog", tab=tab)) == [task(1, Purpose.FULL).key]
    assert dee.shown(main, tab=tab) is None
    assert keys_in(server, tab) == []
