"""Four annotators of a labelling queue, in memory and on a real Label Studio, and tasks for them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from goldloop.adapters.memory import MemoryLabelingServer
from goldloop.core.annotations import Annotation, TaskState
from goldloop.core.labels import LabelSet
from goldloop.core.ports import LabelingQueue
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion

if TYPE_CHECKING:
    from goldloop.adapters.label_studio import Projects

LABELS = LabelSet.of(["cat", "dog", 'a<b & "c"'])
NONE = {"all": False, "included": []}  # what the page sends where no task is selected


class Desk(Protocol):
    """Four annotators of a labelling queue."""

    people: tuple[str, ...]

    def next_for(self, annotator: str, *, purpose: Purpose | None = None) -> int | None:
        """Return the task that `annotator` gets next in the project of `purpose`, or None."""
        ...

    def answer(self, task_id: int, annotator: str, label: str, *, reason: str | None = None) -> int:
        """Submit `label`, and a reason if there is one; return the annotation id."""
        ...

    def skip(self, task_id: int, annotator: str, *, reason: str | None = None) -> int:
        """Skip a task, with a reason if there is one; return the annotation id."""
        ...

    def edit(self, annotation_id: int, label: str) -> None:
        """Change an answer to `label`."""
        ...

    def retract(self, annotation_id: int) -> None:
        """Delete an answer."""
        ...

    def draft(self, task_id: int, annotator: str, label: str) -> None:
        """Begin an answer without submitting it."""
        ...


class FakeDesk(MemoryLabelingServer):
    """The fake, whose annotators need no account."""

    people = ("ann", "bob", "cyd", "dee")

    def draft(self, task_id: int, annotator: str, label: str) -> None:
        """Do nothing: no server reports a draft."""


class RealDesk:
    """Real accounts of a Label Studio, each answering with its own token."""

    def __init__(self, url: str, tokens: dict[str, str], projects: Projects) -> None:
        self.tokens = tokens
        self.people = tuple(tokens)
        self.projects = projects
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def next_for(self, annotator: str, *, purpose: Purpose | None = None) -> int | None:
        """Return the task that Label Studio's own page shows `annotator` next, or None."""
        project_id = self.projects.of(purpose or Purpose.REVIEW)
        headers = {"Authorization": f"Token {self.tokens[annotator]}"}
        shown = {"ordering": [], "selectedItems": NONE, "filters": {"conjunction": "and", "items": []}}
        address = f"/api/dm/actions?id=next_task&project={project_id}"
        reply = self.http.post(address, json=shown, headers=headers)
        if reply.status_code == httpx.codes.NOT_FOUND:
            return None
        return int(reply.raise_for_status().json()["id"])

    def answer(self, task_id: int, annotator: str, label: str, *, reason: str | None = None) -> int:
        """Submit `label`, and a reason if there is one; return the annotation id."""
        from goldloop.adapters.label_studio.payload import choice_result

        body = {"result": choice_result(label) + reason_result(reason), "lead_time": 2.0}
        return int(self._ask("POST", f"/api/tasks/{task_id}/annotations/", annotator, body)["id"])

    def skip(self, task_id: int, annotator: str, *, reason: str | None = None) -> int:
        """Skip a task, with a reason if there is one; return the annotation id."""
        body = {"result": reason_result(reason), "was_cancelled": True, "lead_time": 1.0}
        return int(self._ask("POST", f"/api/tasks/{task_id}/annotations/", annotator, body)["id"])

    def edit(self, annotation_id: int, label: str) -> None:
        """Change an answer to `label`."""
        from goldloop.adapters.label_studio.payload import choice_result

        body = {"result": choice_result(label), "was_cancelled": False}
        self._ask("PATCH", f"/api/annotations/{annotation_id}/", self.people[0], body)

    def retract(self, annotation_id: int) -> None:
        """Delete an answer."""
        self._ask("DELETE", f"/api/annotations/{annotation_id}/", self.people[0], None)

    def draft(self, task_id: int, annotator: str, label: str) -> None:
        """Begin an answer without submitting it."""
        from goldloop.adapters.label_studio.payload import choice_result

        body = {"result": choice_result(label), "lead_time": 1.0}
        self._ask("POST", f"/api/tasks/{task_id}/drafts", annotator, body)

    def _ask(self, method: str, path: str, annotator: str, body: object) -> Any:
        headers = {"Authorization": f"Token {self.tokens[annotator]}"}
        reply = self.http.request(method, path, json=body, headers=headers)
        reply.raise_for_status()
        return reply.json() if reply.content else None


def reason_result(reason: str | None) -> list[dict[str, Any]]:
    """Return the regions that the reason control adds to an answer."""
    picked = {"from_name": "reason", "to_name": "image", "type": "choices", "value": {"choices": [reason]}}
    return [picked] if reason else []


def review(number: int) -> NewTask:
    """Return a task with a suggestion."""
    hint = "Model suggests: cat 58% (dog 30%)"
    sample_id = SampleId(f"{number:064x}")
    suggestion = Suggestion(label="cat", score=0.58, model_version="3", hint=hint)
    return NewTask(sample_id, Purpose.REVIEW, BatchId("b1"), f"ab/{sample_id}.png", suggestion)


def blind(number: int) -> NewTask:
    """Return a task without a suggestion."""
    sample_id = SampleId(f"{number:064x}")
    return NewTask(sample_id, Purpose.AUDIT, BatchId("b1"), f"ab/{sample_id}.png")


def disputed(number: int) -> NewTask:
    """Return a task for an adjudicator."""
    sample_id = SampleId(f"{number:064x}")
    answers = {"cat": 1, "dog": 2}
    return NewTask(sample_id, Purpose.ADJUDICATION, BatchId("b1"), f"ab/{sample_id}.png", answers=answers)


def known(number: int) -> NewTask:
    """Return an onboarding task."""
    sample_id = SampleId(f"{number:064x}")
    return NewTask(sample_id, Purpose.ONBOARDING, BatchId("b1"), f"ab/{sample_id}.png")


def changed(queue: LabelingQueue, moment: datetime | None = None) -> dict[str, TaskState]:
    """Return the last state seen of each changed task, by key."""
    return {state.key: state for page in queue.changed_since(moment) for state in page}


def answers(queue: LabelingQueue, key: str) -> list[Annotation]:
    """Return the annotations of one task."""
    return list(changed(queue)[key].annotations)
