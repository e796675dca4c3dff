"""The queues of the main project: tabs of its Data Manager, visible to all annotators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.task_keys import QUEUE_OF
from goldloop.adapters.label_studio.task_list import filters
from goldloop.core.tasks import Purpose

EVERYTHING = "All tasks"
QUEUES: Mapping[str, tuple[Purpose, ...]] = {
    "Quick review": (Purpose.SEED, Purpose.REVIEW),
    "Full review": (Purpose.FULL,),
    "Blind check": (Purpose.AUDIT, Purpose.RECHECK),
    "Appeals": (Purpose.APPEAL,),
}
"""Title of each queue, and the purposes of its tasks. A queue does not reveal the model's decision: audits of
every lane are in one queue with the rechecks, and look alike."""

_DATA = (
    "key",
    "batch",
    "suggested",
    "suggested_score",
    "suggested_by",
    "samples",
    "pictures",
)  # for programs
_ANSWERS = ("annotators", "annotations_results", "annotations_ids", "updated_by", "cancelled_annotations")
_MACHINE = ("total_predictions", "predictions_score", "predictions_model_versions", "predictions_results")
_FILES = ("inner_id", "completed_at", "file_upload", "storage_filename", "created_at", "updated_at")
_HIDDEN = [
    *(f"tasks:data.{name}" for name in _DATA),
    *(f"tasks:{name}" for name in (*_ANSWERS, *_MACHINE, *_FILES, "avg_lead_time", "draft_exists")),
]
_COLUMNS = {"explore": _HIDDEN, "labeling": [*_HIDDEN, "tasks:id"]}
"""Columns that a new tab hides: above all others' answers, and what distinguishes rechecks from audits."""


def ensure_tabs(
    server: LabelStudioClient, project_id: int, queues: Mapping[str, tuple[Purpose, ...]] = QUEUES
) -> dict[str, int]:
    """Return the id of each tab by title, `EVERYTHING` first; create or correct the tabs.

    A project without any tab would get one from the page of the first annotator, and the embedded server lets
    no annotator create a tab.

    It takes one request when nothing has to change. Two processes that create the tabs at the same time both
    keep the oldest of each title. goldloop leaves a renamed tab alone and creates a new one. It keeps other
    settings of a tab, such as its columns.
    """
    wanted = _wanted(queues)
    present = _oldest(_tabs(server, project_id))
    missing = [title for title in wanted if title not in present]
    for title in missing:
        made = {"title": title, "type": "list", "target": "tasks", "hiddenColumns": _COLUMNS, **wanted[title]}
        server.post("/api/dm/views/", {"project": project_id, "data": made})
    if missing:
        present = _settled(server, project_id, list(wanted))
    for title, contents in wanted.items():
        data = present[title]["data"]
        if any(data.get(name) != value for name, value in contents.items()):
            changed = {"project": project_id, "data": data | contents}
            server.patch(f"/api/dm/views/{present[title]['id']}/", changed)
    return {title: present[title]["id"] for title in wanted}


def _wanted(queues: Mapping[str, tuple[Purpose, ...]]) -> dict[str, dict[str, Any]]:
    """Return filters and order of each tab: open tasks in the order of import.

    The key of a task on the server ends with its queue, and that of an older task with its purpose, so tasks
    of any age are in their queue without a further field.
    """
    is_open = ("completed_at", "empty", "Datetime", True)
    chosen = {EVERYTHING: filters()}
    for title, purposes in queues.items():
        endings = dict.fromkeys((*(QUEUE_OF[purpose] for purpose in purposes), *purposes))
        chosen[title] = filters(("data.key", "regex", "String", f":({'|'.join(endings)})$"), is_open)
    return {title: {"filters": found, "ordering": ["tasks:id"]} for title, found in chosen.items()}


def _oldest(tabs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the first tab of each title."""
    return {str(tab["data"].get("title")): tab for tab in reversed(tabs)}


def _settled(server: LabelStudioClient, project_id: int, ours: list[str]) -> dict[str, dict[str, Any]]:
    """Delete younger tabs of the same titles, and put ours first: Label Studio opens the first tab."""
    tabs = _tabs(server, project_id)
    oldest = _oldest(tabs)
    for tab in tabs:
        title = tab["data"].get("title")
        if title in ours and tab is not oldest[title]:
            _delete(server, tab["id"])
    others = [tab["id"] for tab in tabs if tab["data"].get("title") not in ours]
    order = [*(oldest[title]["id"] for title in ours), *others]
    server.post("/api/dm/views/order/", {"project": project_id, "ids": order})
    return oldest


def _tabs(server: LabelStudioClient, project_id: int) -> list[dict[str, Any]]:
    """Return every tab as a plain dict, oldest first."""
    tabs = server.get("/api/dm/views/", {"project": project_id})
    return sorted(({**tab, "data": tab["data"] or {}} for tab in tabs), key=lambda tab: int(tab["id"]))


def _delete(server: LabelStudioClient, tab_id: int) -> None:
    try:
        server.delete(f"/api/dm/views/{tab_id}/")
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:  # another process has deleted it
            raise
