"""Simulated annotators: Label Studio users who answer over its API, with stated skill, mistakes and skips."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import httpx
import numpy as np

from goldloop.adapters.label_studio import Annotator, add_annotator
from goldloop.adapters.label_studio.payload import choice_result
from goldloop.core.errors import ServiceError
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.services import LabelStudioEndpoint
from labelstudio_config.interface import DECISIONS, KINDS, REASON_NAME, SKIP_REASONS
from scripts.demo_loop.labelled import LabelledSample

_MADE_ID = re.compile(r"made-\d{6}")
TIME_SPREAD = (
    0.5  # of the logarithm of decision times; the quartiles are 29 % below and 40 % above the median
)
FASTER = 0.7  # decision time where a suggestion is confirmed, of that without one
PAUSE_RATE, PAUSE_S = 0.02, 600.0  # how often and how long somebody is away in the middle of a task


@dataclass(frozen=True, slots=True)
class Character:
    """How somebody answers; all rates are probabilities. `place` seeds their answers and is theirs alone.

    By themselves they give the true label with `skill`, or with what `skills` say of it, else one it is
    mistaken for; a share `guesses` of
    their answers is any label at all, given without a look. A suggestion that is shown they take with
    `adoption`, right or wrong. `pace_s` is their median decision time.
    """

    name: str
    place: int
    skill: float
    guesses: float = 0.0
    adoption: float = 0.0
    skip_rate: float = 0.02
    pace_s: float = 3.0
    skills: tuple[tuple[str, float], ...] = ()

    def skill_of(self, label: str) -> float:
        """Return the probability that they see a sample of this label for what it is."""
        return dict(self.skills).get(label, self.skill)

    def accuracy(self, n_labels: int) -> float:
        """Return the probability that a blind answer is true, skips left out."""
        return (1 - self.guesses) * self.skill + self.guesses / n_labels


CREW = (Character("ana", 0, 0.985), Character("ben", 1, 0.96), Character("cleo", 2, 0.93))
SENIOR = Character("sofia", 3, 0.995, skip_rate=0.0, pace_s=8.0)

READING_S = 8.0
"""Median decision time of a post; an assumption, as no times of real moderators are known here."""
MODERATORS = (
    Character("mo", 0, 0.96, pace_s=READING_S),
    Character("nia", 1, 0.94, pace_s=READING_S),
    Character("pat", 2, 0.91, pace_s=READING_S),
)
LEAD = Character("ruth", 3, 0.985, skip_rate=0.0, pace_s=2.5 * READING_S)

ANALYSTS = tuple(
    Character(name, place, genuine, skip_rate=0.01, pace_s=pace_s, skills=(("fraud", fraud),))
    for place, (name, genuine, fraud, pace_s) in enumerate(
        (
            ("ada", 0.995, 0.92, 34.0),
            ("bela", 0.990, 0.88, 28.0),
            ("chen", 0.985, 0.85, 31.0),
            ("dora", 0.980, 0.80, 22.0),
            ("emre", 0.970, 0.76, 40.0),
            ("fay", 0.950, 0.72, 19.0),
        )
    )
)
"""Analysts of payments; names, accuracy and seconds are made up. They overlook frauds more often than not."""
CHIEF = Character("gus", 6, 0.998, skip_rate=0.0, pace_s=120.0, skills=(("fraud", 0.96),))

# What people mistake for what, for digits and posts; other label sets get each label's neighbours.
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
POST_CONFUSIONS = {
    "fine": ("harassment", "spam"),
    "hate speech": ("harassment", "fine"),
    "harassment": ("fine", "hate speech"),
    "spam": ("fine", "harassment"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """A simulated annotator with a real account."""

    character: Character
    account: Annotator


def hire(
    server: LabelStudioEndpoint, characters: Sequence[Character], *, domain: str = "demo.invalid"
) -> list[Person]:
    """Make accounts for new people, with passwords nobody knows."""
    return [
        Person(
            one,
            add_annotator(
                server.url,
                server.token,
                email=f"{_mailbox(one)}@{domain}",
                password=secrets.token_urlsafe(16),
                first_name=one.name.title(),
            ),
        )
        for one in characters
    ]


def _mailbox(who: Character) -> str:
    plain = re.sub(r"[^a-z0-9.-]+", "-", who.name.lower()).strip("-.")
    return who.name if plain == who.name else f"{plain or 'voter'}-{who.place}"


def confusions(labels: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """Return what each label is mistaken for."""
    if set(labels) == set(DIGIT_CONFUSIONS):
        return {label: tuple(others) for label, others in DIGIT_CONFUSIONS.items()}
    if set(labels) == set(POST_CONFUSIONS):
        return POST_CONFUSIONS
    n = len(labels)
    return {label: (labels[(i + 1) % n], labels[(i - 1) % n]) for i, label in enumerate(labels)}


def answer_of(
    who: Character,
    sample: LabelledSample,
    mistaken: Mapping[str, tuple[str, ...]],
    *,
    seed: int,
    suggested: str | None = None,
) -> str | None:
    """Return what somebody says of the sample, None for a skip; the same whenever they are asked alike.

    Where real people's answers are known, the first simulated people give one of them each.
    """
    if who.place < len(sample.answers):
        return sample.answers[who.place]
    random = np.random.default_rng([seed, who.place, int(sample.sample_id[:12], 16)])
    is_skip, is_right = random.random() < who.skip_rate, random.random() < who.skill_of(sample.label)
    mistake, guess = str(random.choice(mistaken[sample.label])), str(random.choice(list(mistaken)))
    is_guess, is_led = random.random() < who.guesses, random.random() < who.adoption
    if is_skip:
        return None
    if suggested is not None and is_led:
        return suggested
    return guess if is_guess else sample.label if is_right else mistake


def blind_answer(
    who: Character, sample: LabelledSample, mistaken: Mapping[str, tuple[str, ...]], *, seed: int
) -> tuple[str | None, float]:
    """Return what somebody says of the sample without a suggestion, and in how many seconds."""
    random = np.random.default_rng([seed, who.place, int(sample.sample_id[12:24], 16)])
    return answer_of(who, sample, mistaken, seed=seed), working_s(who, random)


def working_s(who: Character, random: np.random.Generator) -> float:
    """Return how long somebody looks at a sample, in seconds."""
    return float(who.pace_s * np.exp(random.normal(0.0, TIME_SPREAD)))


def work(
    server: LabelStudioEndpoint,
    project_id: int,
    people: Sequence[Person],
    samples: Mapping[SampleId, LabelledSample],
    labels: tuple[str, ...],
    *,
    seed: int,
) -> int:
    """Let people answer one task each in turn until nobody has any left in the project; return n answers.

    In turn, so that who answers what, and all that follows, is the same in every run.
    """
    mistaken = confusions(labels)

    def has_answered(person: Person, desk: httpx.Client) -> bool:
        reply = desk.get(f"/api/projects/{project_id}/next")
        if reply.status_code == httpx.codes.NOT_FOUND:
            return False  # for now: what somebody skips goes to the others
        check_reply(reply, person)
        task = reply.json()
        answer = _answer(person.character, task["data"], samples, mistaken, seed=seed)
        check_reply(desk.post(f"/api/tasks/{task['id']}/annotations/", json=answer), person)
        return True

    n_answers = 0
    with ExitStack() as stack:
        desks = [(person, stack.enter_context(desk_of(server, person))) for person in people]
        while n_of_turn := sum(has_answered(person, desk) for person, desk in desks):
            n_answers += n_of_turn
    return n_answers


def desk_of(server: LabelStudioEndpoint, person: Person) -> httpx.Client:
    """Return a client of the server that works in the name of `person`."""
    headers = {"Authorization": f"Token {person.account.token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False)


def shown_sample(data: Mapping[str, Any]) -> SampleId:
    """Return the sample that a task shows; its key tells annotators nothing."""
    if "image" in data:
        return SampleId(PurePosixPath(data["image"]).stem)
    return sample_id_of(data["text"].encode())


def _answer(
    who: Character,
    data: Mapping[str, Any],
    samples: Mapping[SampleId, LabelledSample],
    mistaken: Mapping[str, tuple[str, ...]],
    *,
    seed: int,
) -> dict[str, object]:
    """Return what somebody submits for a task."""
    if "records" in data:  # a payment is known by the first id that stands on the page
        shown = _MADE_ID.search(data["records"])
        sample = next(one for one in samples.values() if shown and one.row_id == shown[0])
    else:
        sample = samples[shown_sample(data)]
    suggested = data.get("suggested")
    label = answer_of(who, sample, mistaken, seed=seed, suggested=suggested)
    return submission(who, sample.sample_id, data, label, seed=seed)


def submission(
    who: Character, sample_id: SampleId, data: Mapping[str, Any], label: str | None, *, seed: int
) -> dict[str, object]:
    """Return the answer `label`, None for a skip, to a task with `data`, as the labelling page sends it.

    Skips and decisions come with a reason, but for skips of records, whose page asks for none. Its time is
    simulated, also where the answer is a real person's.
    """
    random = np.random.default_rng([seed, who.place, int(sample_id[12:24], 16)])
    time_s = working_s(who, random)
    if label is not None and label == data.get("suggested"):
        time_s *= FASTER
    if random.random() < PAUSE_RATE:
        time_s += PAUSE_S
    kind = next(kind for kind in KINDS if kind in data)
    result = [] if label is None else choice_result(label, kind)
    skip_reasons = () if kind == "records" else SKIP_REASONS
    reasons = skip_reasons if label is None else DECISIONS if "answers" in data else ()
    if reasons:
        reason = str(random.choice(reasons))
        result.append(
            {"from_name": REASON_NAME, "to_name": kind, "type": "choices", "value": {"choices": [reason]}}
        )
    return {
        "result": result,
        "was_cancelled": label is None,
        "lead_time": round(time_s, 2),
        "unique_id": str(uuid.uuid4()),
    }


def check_reply(reply: httpx.Response, person: Person) -> None:
    """Raise ServiceError where the server refused what `person` sent."""
    if reply.is_error:
        raise ServiceError(
            f"Label Studio answered {person.character.name} with {reply.status_code}: {reply.text[:300]}"
        )
