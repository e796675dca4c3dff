"""Somebody with a Label Studio account, who answers over its API what its page would show them next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from goldloop.adapters.label_studio import add_annotator
from goldloop.adapters.label_studio.payload import choice_result
from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.services import LabelStudioEndpoint
from labelstudio_config.interface import REASON_NAME, TO_NAME

REASON = "clear on a second look"
NOTHING_CHOSEN = {
    "ordering": [],
    "selectedItems": {"all": False, "included": []},
    "filters": {"conjunction": "and", "items": []},
}
"""What the page sends from a tab without filter or selection."""

Task = dict[str, Any]

KEYS: list[TaskKeys] = []
"""How the workspaces of this test run encrypt the keys of their tasks; tests read what annotators cannot."""


@dataclass
class Person:
    """A Label Studio account that takes what the server hands out next."""

    url: str
    user_id: str
    token: str
    seen: list[int] = field(default_factory=list)

    @classmethod
    def hired(cls, server: LabelStudioEndpoint, email: str) -> Person:
        """Return somebody whose account is made unless there is one."""
        account = add_annotator(server.url, server.token, email=email, password=f"password of {email}")
        return cls(server.url, account.user_id, account.token)

    def shown(self, project: int, *, tab: int = 0, sent: object = None) -> Task | None:
        """Return the task that the page shows next in a tab of the project, None at its end.

        `sent` is what the page sends along, by default what it does when it is opened by its address.
        """
        address = f"/api/dm/actions?id=next_task&project={project}&tabID={tab}"
        with self._client() as client:
            reply = client.post(address, json=NOTHING_CHOSEN if sent is None else sent)
        if reply.status_code == httpx.codes.NOT_FOUND:
            return None
        task: Task = reply.raise_for_status().json()
        for keys in KEYS:
            task["data"]["key"] = keys.opened(task["data"]["key"])
        return task

    def answer(self, task_id: int, label: str | None) -> int:
        """Answer a task, None being a skip; return the annotation id."""
        answer = {"result": result_of(label), "was_cancelled": label is None, "lead_time": 2.5}
        with self._client() as client:
            made = client.post(f"/api/tasks/{task_id}/annotations/", json=answer).raise_for_status()
        return int(made.json()["id"])

    def work(self, project: int, says: Callable[[Task], str | None], *, tab: int = 0) -> dict[str, int]:
        """Answer what is shown until nothing is; return annotation ids by key."""
        given = {}
        while (task := self.shown(project, tab=tab)) is not None:
            self.seen.append(task["id"])
            given[task["data"]["key"]] = self.answer(task["id"], says(task))
        return given

    def edit(self, annotation_id: int, label: str) -> None:
        """Change an answer."""
        with self._client() as client:
            change = {"result": result_of(label), "was_cancelled": False}
            client.patch(f"/api/annotations/{annotation_id}/", json=change).raise_for_status()

    def delete(self, annotation_id: int) -> None:
        """Delete an answer."""
        with self._client() as client:
            client.delete(f"/api/annotations/{annotation_id}/").raise_for_status()

    def _client(self) -> httpx.Client:
        headers = {"Authorization": f"Token {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)


def result_of(label: str | None) -> list[dict[str, Any]]:
    """Return the answer `label` with a reason, or a skip with one."""
    reason = {"from_name": REASON_NAME, "to_name": TO_NAME, "type": "choices", "value": {"choices": [REASON]}}
    return [reason] if label is None else [*choice_result(label), reason]
