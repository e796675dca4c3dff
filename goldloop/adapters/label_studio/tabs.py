"""The queues of the main project as tabs of its Data Manager, which everybody sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.core.tasks import Purpose

EVERYTHING = "All tasks"
QUEUES: Mapping[str, tuple[Purpose, ...]] = {
    "Quick review": (Purpose.SEED, Purpose.REVIEW),
    "Full review": (Purpose.FULL,),
    "Blind check": (Purpose.AUDIT, Purpose.RECHECK),
}
"""Title of each queue, and why its samples are shown. A queue says nothing of where a model would send them:
audits of every lane lie in one, with the second looks, and look alike."""

_DATA = ("key", "batch", "suggested", "suggested_score", "suggested_by")  # for programs
_SAID = ("annotators", "annotations_results", "annotations_ids", "updated_by", "cancelled_annotations")
_MACHINE = ("total_predictions", "predictions_score", "predictions_model_versions", "predictions_results")
_FILES = ("inner_id", "completed_at", "file_upload", "storage_filename", "created_at", "updated_at")
_HIDDEN = [
    *(f"tasks:data.{name}" for name in _DATA),
    *(f"tasks:{name}" for name in (*_SAID, *_MACHINE, *_FILES, "avg_lead_time", "draft_exists")),
]
_COLUMNS = {"explore": _HIDDEN, "labeling": [*_HIDDEN, "tasks:id"]}
"""What a new tab leaves out, above all what others say and what tells a second look from an audit."""


def ensure_tabs(server: LabelStudioClient, project_id: int) -> dict[str, int]:
    """Return the id of each tab by title, `EVERYTHING` first, made or put right; one request if all is well.

    Two who make them at once end with the oldest of each title. A tab that somebody renamed is theirs from
    then on, and gets a successor. What people set otherwise, such as columns, stays as they left it.
    """
    wanted = _wanted()
    there = _oldest(_tabs(server, project_id))
    missing = [title for title in wanted if title not in there]
    for title in missing:
        made = {"title": title, "type": "list", "target": "tasks", "hiddenColumns": _COLUMNS, **wanted[title]}
        server.post("/api/dm/views/", {"project": project_id, "data": made})
    if missing:
        there = _settled(server, project_id)
    for title, contents in wanted.items():
        data = there[title]["data"]
        if any(data.get(name) != value for name, value in contents.items()):
            changed = {"project": project_id, "data": data | contents}
            server.patch(f"/api/dm/views/{there[title]['id']}/", changed)
    return {title: there[title]["id"] for title in wanted}


def _wanted() -> dict[str, dict[str, Any]]:
    """Return filters and order of each tab: what is open, in the order of import.

    The key of a task says why it is shown. So tasks of any age are in their queue, and nothing has to be
    added to them.
    """
    purposes = {EVERYTHING: (), **QUEUES}
    return {
        title: {
            "filters": {"conjunction": "and", "items": _open(chosen) if chosen else []},
            "ordering": ["tasks:id"],
        }
        for title, chosen in purposes.items()
    }


def _open(purposes: tuple[Purpose, ...]) -> list[dict[str, Any]]:
    return [
        _condition("data.key", "regex", "String", f":({'|'.join(purposes)})$"),
        _condition("completed_at", "empty", "Datetime", True),
    ]


def _condition(column: str, operator: str, kind: str, value: str | bool) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


def _oldest(tabs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the first tab of each title."""
    found: dict[str, dict[str, Any]] = {}
    for one in tabs:
        found.setdefault(str(one["data"].get("title")), one)
    return found


def _settled(server: LabelStudioClient, project_id: int) -> dict[str, dict[str, Any]]:
    """Take away what others made at the same moment, and put ours first, as Label Studio opens the first."""
    tabs = _tabs(server, project_id)
    there, ours = _oldest(tabs), [EVERYTHING, *QUEUES]
    for one in tabs:
        title = one["data"].get("title")
        if title in ours and one is not there[title]:
            _delete(server, one["id"])
    others = [one["id"] for one in tabs if one["data"].get("title") not in ours]
    order = [*(there[title]["id"] for title in ours), *others]
    server.post("/api/dm/views/order/", {"project": project_id, "ids": order})
    return there


def _tabs(server: LabelStudioClient, project_id: int) -> list[dict[str, Any]]:
    """Return every tab as a plain dict, oldest first."""
    tabs = server.get("/api/dm/views/", {"project": project_id})
    return sorted(({**one, "data": one["data"] or {}} for one in tabs), key=lambda one: int(one["id"]))


def _delete(server: LabelStudioClient, tab_id: int) -> None:
    try:
        server.delete(f"/api/dm/views/{tab_id}/")
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:  # the other one who makes them was faster
            raise
