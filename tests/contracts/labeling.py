"""Four annotators of a labelling queue, in memory and on a real Label Studio, and tasks for them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from goldloop.adapters.memory import MemoryLabelingServer
from goldloop.core.annotations import Annotation, Grounds, TaskState
from goldloop.core.labels import LabelSet
from goldloop.core.ports import LabelingQueue
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from labelstudio_config.grounds import SEVERITY_NAME, SPAN_NAME, rule_name
from labelstudio_config.interface import NOTE_NAME

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

    def answer(
        self,
        task_id: int,
        annotator: str,
        label: str,
        *,
        reason: str | None = None,
        author: str | None = None,
        grounds: Grounds | None = None,
    ) -> int:
        """Submit `label`, with reason and grounds if there are some; return the annotation id.

        The server lists the answer under the name of `author`, by default the annotator's.
        """
        ...

    def skip(self, task_id: int, annotator: str, *, reason: str | None = None) -> int:
        """Skip a task, with a reason if there is one; return the annotation id."""
        ...

    def edit(self, annotation_id: int, label: str, *, annotator: str | None = None) -> None:
        """Change an answer to `label`, by default as its author."""
        ...

    def accept_suggestions(self, task_ids: Sequence[int], annotator: str) -> None:
        """Make each task's suggestion an answer, by the bulk action that every account has."""
        ...

    def import_copy(self, task_id: int, authors: Mapping[str, str]) -> int:
        """Import a copy of a task with its answers, under the names that `authors` gives; return its id."""
        ...

    def repaint(self, task_id: int) -> None:
        """Let a task show another sample, as every account can."""
        ...

    def newcomer(self) -> str:
        """Return an account that no other test uses."""
        ...

    def delete_account(self, annotator: str) -> None:
        """Delete an account; its answers stay."""
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

    def repaint(self, task_id: int) -> None:
        """Change the path."""
        self.patch(task_id, path="another.png")

    def newcomer(self) -> str:
        """Return somebody new."""
        return "new"

    def draft(self, task_id: int, annotator: str, label: str) -> None:
        """Do nothing: no server reports a draft."""


class RealDesk:
    """Real accounts of a Label Studio, each answering with its own token."""

    def __init__(self, url: str, owner: str, tokens: dict[str, str], projects: Projects) -> None:
        self.url, self.owner = url, owner
        self.tokens = dict(tokens)
        self.people = tuple(tokens)
        self.projects = projects
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self.authors: dict[int, str] = {}

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

    def answer(
        self,
        task_id: int,
        annotator: str,
        label: str,
        *,
        reason: str | None = None,
        author: str | None = None,
        grounds: Grounds | None = None,
    ) -> int:
        """Submit `label`, with reason and grounds if there are some; return the annotation id."""
        from goldloop.adapters.label_studio.payload import choice_result

        regions = [*choice_result(label), *reason_result(reason), *grounds_result(label, grounds)]
        body: dict[str, Any] = {"result": regions, "lead_time": 2.0}
        body |= {"completed_by": int(author)} if author else {}
        return self._annotate(task_id, annotator, body)

    def skip(self, task_id: int, annotator: str, *, reason: str | None = None) -> int:
        """Skip a task, with a reason if there is one; return the annotation id."""
        body = {"result": reason_result(reason), "was_cancelled": True, "lead_time": 1.0}
        return self._annotate(task_id, annotator, body)

    def edit(self, annotation_id: int, label: str, *, annotator: str | None = None) -> None:
        """Change an answer to `label`, by default as its author."""
        from goldloop.adapters.label_studio.payload import choice_result

        body = {"result": choice_result(label), "was_cancelled": False}
        who = annotator or self.authors[annotation_id]
        self._ask("PATCH", f"/api/annotations/{annotation_id}/", who, body)

    def accept_suggestions(self, task_ids: Sequence[int], annotator: str) -> None:
        """Run "Create Annotations From Predictions" on these tasks."""
        address = f"/api/dm/actions?id=predictions_to_annotations&project={self.projects.main}"
        chosen = {"all": False, "included": list(task_ids)}
        self._ask("POST", address, annotator, {"selectedItems": chosen})

    def import_copy(self, task_id: int, authors: Mapping[str, str]) -> int:
        """Import what the server tells of a task, as an export does."""
        whole = self._ask("GET", f"/api/tasks/{task_id}/", self.people[0], None)
        answers = [
            {**answer, "completed_by": int(authors[str(_id_of(answer["completed_by"]))])}
            for answer in whole["annotations"]
        ]
        body = [{"data": whole["data"], "annotations": answers, "predictions": []}]
        address = f"/api/projects/{whole['project']}/import?return_task_ids=true"
        return int(self._ask("POST", address, self.people[0], body)["task_ids"][0])

    def repaint(self, task_id: int) -> None:
        """Change the address of the picture."""
        data = self._ask("GET", f"/api/tasks/{task_id}/", self.people[0], None)["data"]
        data |= {"image": "/data/local-files/?d=images/another.png"}
        self._ask("PATCH", f"/api/tasks/{task_id}/", self.people[0], {"data": data})

    def newcomer(self) -> str:
        """Return the id of a new account."""
        from goldloop.adapters.label_studio import add_annotator

        email = f"{secrets.token_hex(4)}@contract.example"
        account = add_annotator(self.url, self.owner, email=email, password="their-password")
        self.tokens[account.user_id] = account.token
        return account.user_id

    def delete_account(self, annotator: str) -> None:
        """Delete an account, as only the owner can."""
        headers = {"Authorization": f"Token {self.owner}"}
        self.http.delete(f"/api/users/{annotator}/", headers=headers).raise_for_status()

    def retract(self, annotation_id: int) -> None:
        """Delete an answer."""
        self._ask("DELETE", f"/api/annotations/{annotation_id}/", self.people[0], None)

    def draft(self, task_id: int, annotator: str, label: str) -> None:
        """Begin an answer without submitting it."""
        from goldloop.adapters.label_studio.payload import choice_result

        body = {"result": choice_result(label), "lead_time": 1.0}
        self._ask("POST", f"/api/tasks/{task_id}/drafts", annotator, body)

    def _annotate(self, task_id: int, annotator: str, body: object) -> int:
        made = self._ask("POST", f"/api/tasks/{task_id}/annotations/", annotator, body)
        self.authors[made["id"]] = annotator
        return int(made["id"])

    def _ask(self, method: str, path: str, annotator: str, body: object) -> Any:
        headers = {"Authorization": f"Token {self.tokens[annotator]}"}
        reply = self.http.request(method, path, json=body, headers=headers)
        reply.raise_for_status()
        return reply.json() if reply.content else None


def _id_of(account: Any) -> int:
    """Return the id of an account, which the server tells alone or with its particulars."""
    return int(account["id"] if isinstance(account, dict) else account)


def reason_result(reason: str | None) -> list[dict[str, Any]]:
    """Return the regions that the reason control adds to an answer."""
    picked = {"from_name": "reason", "to_name": "image", "type": "choices", "value": {"choices": [reason]}}
    return [picked] if reason else []


def grounds_result(label: str, grounds: Grounds | None) -> list[dict[str, Any]]:
    """Return the regions that the page of a moderator adds to an answer."""
    if grounds is None:
        return []
    values: dict[str, dict[str, object]] = {
        SEVERITY_NAME: {"choices": [grounds.severity]} if grounds.severity else {},
        rule_name(label): {"choices": [grounds.rule]} if grounds.rule else {},
        NOTE_NAME: {"text": [grounds.note]} if grounds.note else {},
    }
    given = [(name, value, "textarea" if "text" in value else "choices") for name, value in values.items()]
    spans: list[dict[str, object]] = [
        {"start": 0, "end": len(text), "text": text, "labels": ["this part"]} for text in grounds.spans
    ]
    given += [(SPAN_NAME, span, "labels") for span in spans]
    return [
        {"from_name": name, "to_name": "image", "type": type_, "value": value}
        for name, value, type_ in given
        if value
    ]


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
