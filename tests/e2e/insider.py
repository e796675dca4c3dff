"""Somebody with an annotator's account who asks a real Label Studio for more than the labelling page does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
from goldloop.adapters.label_studio.payload import choice_result
from goldloop.core.labels import LabelSet
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from goldloop.services import LabelStudioEndpoint
from tests.e2e.person import Person

LABELS = LabelSet.of(["cat", "dog"])
ALL = {"selectedItems": {"all": True, "excluded": []}}


@dataclass(frozen=True)
class Scene:
    """A project with an audit that the insider and a colleague have answered, and a review with a suggestion.

    `numbers` fills the names in an address, such as `/api/tasks/{audit}/`.
    """

    queue: LabelStudioQueue
    insider: Person
    colleague: Person
    numbers: dict[str, int]

    def address(self, path: str) -> str:
        """Return the address of `path` with the ids of this scene."""
        for name, number in self.numbers.items():
            path = path.replace("{" + name + "}", str(number))
        return path

    def filled(self, body: Any) -> Any:
        """Return `body` with the ids of this scene in place of their names."""
        if isinstance(body, dict):
            return {key: self.filled(value) for key, value in body.items()}
        if isinstance(body, list):
            return [self.filled(value) for value in body]
        return self.numbers.get(body.strip("{}"), body) if isinstance(body, str) else body


def scene(server: LabelStudioEndpoint, name: str) -> Scene:
    """Return the scene in the project called `name`, with two accounts that the server keeps."""
    projects = ensure_projects(server.url, server.token, name=name, labels=LABELS, images_root=None)
    queue = LabelStudioQueue(server.url, server.token, projects, LABELS)
    mallory, ann = (Person.hired(server, f"{one}@insider.example") for one in ("mallory", "ann"))
    ids = list(queue.push([task(1, Purpose.AUDIT), task(2, Purpose.REVIEW), task(3, Purpose.AUDIT)]).values())
    queue.ask({ids[0]: 3, ids[2]: 2})
    numbers = {
        **{"audit": ids[0], "review": ids[1], "open": ids[2], "project": projects.main},
        **{"adjudication": projects.adjudication, "me": int(mallory.user_id), "ann": int(ann.user_id)},
        "mine": mallory.answer(ids[0], "cat"),
        "hers": ann.answer(ids[0], "dog"),
        "her_other": ann.answer(ids[2], "dog"),
    }
    return Scene(queue, mallory, ann, numbers)


def task(number: int, purpose: Purpose) -> NewTask:
    """Return a task, with a suggestion where it is a quick review."""
    shown = Suggestion("cat", 0.58, "3", "Model suggests: cat 58% (dog 30%)")
    suggestion = shown if purpose is Purpose.REVIEW else None
    return NewTask(SampleId(f"{number:064x}"), purpose, BatchId("b"), f"{number}.png", suggestion)


@contextmanager
def browser_of(person: Person, email: str) -> Iterator[httpx.Client]:
    """Yield a client with the person's login in place of the token."""
    with httpx.Client(base_url=person.url, timeout=60, trust_env=False) as client:
        client.get("/user/login/").raise_for_status()
        form = {
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
            "email": email,
            "password": f"password of {email}",
        }
        reply = client.post("/user/login/", data=form, headers={"Referer": person.url})
        assert reply.status_code == httpx.codes.FOUND
        client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
        client.headers["Referer"] = person.url
        yield client


def token_of(person: Person) -> httpx.Client:
    """Return a client with the person's token."""
    headers = {"Authorization": f"Token {person.token}"}
    return httpx.Client(base_url=person.url, headers=headers, timeout=60, trust_env=False)


DOG = choice_result("dog")
FORGED = {"result": DOG, "lead_time": 2.0}
