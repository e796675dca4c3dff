"""Simulated annotators: Label Studio users who answer over its API, with stated skill, mistakes and skips."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import httpx
import numpy as np

from goldloop.adapters.label_studio import Annotator, add_annotator
from goldloop.adapters.services import LabelStudioEndpoint
from goldloop.errors import ServiceError
from goldloop.samples import SampleId
from goldloop.tasks import split_key
from labelstudio_config import FROM_NAME, TO_NAME
from scripts.demo_loop.pictures import Picture

SKIP_RATE = 0.02
SKILLS = {"ana": 0.985, "ben": 0.96, "cleo": 0.93}  # probability of the true label
# What people mistake for what, for digits; other label sets get each label's neighbours.
DIGIT_CONFUSIONS = {
    "0": "69",
    "1": "74",
    "2": "73",
    "3": "85",
    "4": "97",
    "5": "36",
    "6": "05",
    "7": "19",
    "8": "39",
    "9": "47",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A simulated annotator with a real account."""

    name: str
    skill: float
    account: Annotator


def hire(server: LabelStudioEndpoint) -> list[Person]:
    """Make the three accounts, with passwords nobody knows."""
    return [
        Person(
            name,
            skill,
            add_annotator(
                server.url,
                server.token,
                email=f"{name}@demo.invalid",
                password=secrets.token_urlsafe(16),
                first_name=name.title(),
            ),
        )
        for name, skill in SKILLS.items()
    ]


def confusions(labels: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return what each label is mistaken for."""
    if set(labels) == set(DIGIT_CONFUSIONS):
        return {label: tuple(others) for label, others in DIGIT_CONFUSIONS.items()}
    n = len(labels)
    return {label: (labels[(i + 1) % n], labels[(i - 1) % n]) for i, label in enumerate(labels)}


def answer_of(
    person: str, skill: float, picture: Picture, mistaken: Mapping[str, tuple[str, ...]], seed: int
) -> str | None:
    """Return what the person says of the picture, None for a skip; the same whenever they are asked.

    Where real people's answers are known, each simulated person gives one of them.
    """
    place = list(SKILLS).index(person)
    if picture.answers:
        return picture.answers[place % len(picture.answers)]
    random = np.random.default_rng([seed, place, int(picture.sample_id[:12], 16)])
    if random.random() < SKIP_RATE:
        return None
    return picture.label if random.random() < skill else str(random.choice(mistaken[picture.label]))


def work(
    server: LabelStudioEndpoint,
    project_id: int,
    people: list[Person],
    pictures: Mapping[SampleId, Picture],
    labels: tuple[str, ...],
    *,
    seed: int,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Let everyone answer their queue until it is empty, at the same time; return the number of answers."""
    mistaken = confusions(labels)
    asking = (
        Lock()
    )  # Label Studio gives two requests in the same instant the same task; people are never that quick

    def one_queue(person: Person) -> int:
        n_answers = 0
        headers = {"Authorization": f"Token {person.account.token}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
            while True:
                with asking:
                    reply = client.get(f"/api/projects/{project_id}/next")
                if reply.status_code == httpx.codes.NOT_FOUND:
                    return n_answers
                _check(reply, person)
                task = reply.json()
                picture = pictures[split_key(task["data"]["key"])[0]]
                said = answer_of(person.name, person.skill, picture, mistaken, seed)
                _check(client.post(f"/api/tasks/{task['id']}/annotations/", json=_answer(said)), person)
                n_answers += 1
                advance(1)

    with ThreadPoolExecutor(len(people)) as pool:
        return sum(pool.map(one_queue, people))


def _answer(label: str | None) -> dict[str, object]:
    result = (
        []
        if label is None
        else [{"from_name": FROM_NAME, "to_name": TO_NAME, "type": "choices", "value": {"choices": [label]}}]
    )
    return {
        "result": result,
        "was_cancelled": label is None,
        "lead_time": 2.0,
        "unique_id": str(uuid.uuid4()),
    }


def _check(reply: httpx.Response, person: Person) -> None:
    if reply.is_error:
        raise ServiceError(
            f"Label Studio answered {person.name} with {reply.status_code}: {reply.text[:300]}"
        )
