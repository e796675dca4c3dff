"""Replay: real people's votes, given again by Label Studio users of whom each stands for one of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import httpx

from goldloop.core.samples import SampleId
from goldloop.services import LabelStudioEndpoint
from scripts.demo_loop.labelled import LabelledSample
from scripts.demo_loop.people import Person, check_reply, desk_of, shown_sample, submission

LISTED_AT_ONCE = 500
Samples = Mapping[SampleId, LabelledSample]


def replay(
    server: LabelStudioEndpoint, project_id: int, voters: Sequence[Person], samples: Samples, *, seed: int
) -> int:
    """Let voters answer in turn the open tasks that they once voted on, in the order of the tasks.

    Nobody skips: a task that a voter has no vote for is left to the others, and stays open where nobody has
    one. Ends when nobody can answer more; returns the number of answers.
    """
    n_answers = 0
    with ExitStack() as stack:
        desks = [
            _Desk(stack.enter_context(desk_of(server, person)), project_id, person, samples, seed=seed)
            for person in voters
        ]
        while n_of_turn := sum(desk.answers_next() for desk in desks):
            n_answers += n_of_turn
    return n_answers


class _Desk:
    """A voter at work: the tasks that they have a vote for, and the page on which they answer."""

    def __init__(
        self,
        client: httpx.Client,
        project_id: int,
        person: Person,
        samples: Samples,
        *,
        seed: int,
    ) -> None:
        self._client, self._person, self._samples, self._seed = client, person, samples, seed
        mine = (task for task in self._listed(project_id) if self._vote(task["data"]) is not None)
        self._waiting = deque(sorted(task["id"] for task in mine if _is_open(task)))

    def answers_next(self) -> bool:
        """Answer the next task that still is open; return whether there was one."""
        while self._waiting:
            task = self._read(f"/api/tasks/{self._waiting.popleft()}/").json()
            if not _is_open(task):
                continue
            sample_id, who = shown_sample(task["data"]), self._person.character
            answer = submission(who, sample_id, task["data"], self._vote(task["data"]), seed=self._seed)
            reply = self._client.post(f"/api/tasks/{task['id']}/annotations/", json=answer)
            check_reply(reply, self._person)
            return True
        return False

    def _vote(self, data: Mapping[str, Any]) -> str | None:
        sample = self._samples.get(shown_sample(data))
        return None if sample is None else sample.votes.get(self._person.character.name)

    def _listed(self, project_id: int) -> Iterator[dict[str, Any]]:
        """Yield the tasks of the project as the voter may see them, without others' answers."""
        page, n_listed, n_all = 1, 0, 1
        while n_listed < n_all:
            query = f"project={project_id}&page={page}&page_size={LISTED_AT_ONCE}&fields=all"
            reply = self._read(f"/api/tasks/?{query}").json()
            if not reply["tasks"]:
                return
            yield from reply["tasks"]
            page, n_listed, n_all = page + 1, n_listed + len(reply["tasks"]), reply["total"]

    def _read(self, path: str) -> httpx.Response:
        reply = self._client.get(path)
        check_reply(reply, self._person)
        return reply


def _is_open(task: Mapping[str, Any]) -> bool:
    """Return whether a task waits for answers, and the voter has not answered it or been barred from it."""
    return not task["is_labeled"] and not task["annotations"]
