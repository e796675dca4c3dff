"""Lists the tasks of a project page by page; each page starts where the last one ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.server import translated
from goldloop.core.errors import ServiceError

PAGE_TASKS = 2000

Condition = tuple[str, str, str, object]
"""Column, operator, type, value. An unknown column gives a 500; an unknown operator matches no task."""


def count(server: LabelStudioClient, project_id: int) -> int:
    """Return the number of tasks in the project."""
    params = {"project": project_id, "page_size": 1, "fields": "task_only", "include": "id"}
    with translated(server.url, f"count the tasks of project {project_id}"):
        return int(server.get("/api/tasks/", params)["total"])


def sweep(
    server: LabelStudioClient, project_id: int, include: str, *conditions: Condition, is_full: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the tasks that meet all `conditions`, by ascending id, with the fields named in `include`.

    The filter is in the body, because a thousand keys are too long for a URL. When a proxy drops the body,
    the server sends more tasks than requested; callers check the tasks that they get.
    """
    last = 0
    params = {
        "project": project_id,
        "fields": "all" if is_full else "task_only",
        "include": include,
        "page_size": PAGE_TASKS,
        "resolve_uri": False,
    }
    while True:
        body = {"filters": _filters(*conditions, ("id", "greater", "Number", last)), "ordering": ["tasks:id"]}
        with translated(server.url, f"list tasks of project {project_id}"):
            rows = _rows(server.get("/api/tasks/", params, body=body))
        rows.sort(key=lambda row: int(row["id"]))
        if rows and rows[0]["id"] <= last:
            raise ServiceError(
                f"Label Studio at {server.url} lists task {rows[0]['id']}, but the request was for tasks "
                f"above {last}; let the proxy in front of it pass the body of GET requests"
            )
        yield from rows
        if len(rows) < PAGE_TASKS:
            return
        last = rows[-1]["id"]


def changed_page(
    server: LabelStudioClient, project_id: int, include: str, *, since: datetime, size: int
) -> list[dict[str, Any]]:
    """Return the first `size` tasks changed at or after `since`, with annotations, oldest change first."""
    stamp = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # any other format gives a 500
    query = {
        "ordering": ["tasks:updated_at"],
        "filters": _filters(("updated_at", "greater_or_equal", "Datetime", stamp)),
    }
    params = {
        "project": project_id,
        "fields": "all",
        "include": include,
        "query": json.dumps(query),
        "page_size": size,
        "resolve_uri": False,
    }
    with translated(server.url, f"list what changed since {stamp} in project {project_id}"):
        rows = _rows(server.get("/api/tasks/", params))
        return [row | {"updated_at": datetime.fromisoformat(row["updated_at"])} for row in rows]


def _rows(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tasks of a reply, each with id, data and annotations; the last two may be empty."""
    return [
        {
            **row,
            "id": int(row["id"]),
            "data": row.get("data") or {},
            "annotations": row.get("annotations") or [],
        }
        for row in reply["tasks"]
    ]


def _filters(*conditions: Condition) -> dict[str, Any]:
    items = [
        {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
        for column, operator, kind, value in conditions
    ]
    return {"conjunction": "and", "items": items}
