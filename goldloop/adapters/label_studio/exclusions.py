"""Barring: who has answered a sample before is not shown a further task about it.

Label Studio never hands a task to somebody who holds any annotation on it, also a skip. So each person to be
barred gets one there, marked so that it is never read as theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.server import translated
from labelstudio_config import REASON_NAME, TO_NAME

_MARK = "asked before (set by goldloop)"
_BARRED = [{"from_name": REASON_NAME, "to_name": TO_NAME, "type": "choices", "value": {"choices": [_MARK]}}]


def bar(server: LabelStudioClient, barred: Mapping[int, tuple[str, ...]]) -> None:
    """Bar people, by task id, from tasks just made; one request each, about 60 ms of server time.

    Accounts that are gone need no barring. A push that dies in between leaves the rest unbarred; what they
    answer there is then found to be no second opinion (goldloop.consensus.evidence).
    """
    if not any(barred.values()):
        return
    with translated(server.url, "list the accounts"):
        accounts = {str(account["id"]) for account in server.get("/api/users/")}
    for task_id, people in barred.items():
        for person in people:
            if person in accounts:
                skip = {"result": _BARRED, "was_cancelled": True, "completed_by": int(person), "lead_time": 0}
                with translated(server.url, f"bar annotator {person} from task {task_id}"):
                    server.post(f"/api/tasks/{task_id}/annotations/", skip)


def is_barring(annotation: Mapping[str, Any]) -> bool:
    """Return whether an annotation of the task list only bars somebody."""
    result = annotation.get("result")
    return bool(annotation.get("was_cancelled")) and result == _BARRED
