"""Lists the tasks of projects page by page; each page starts where the last one ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.core.errors import ServiceError

PAGE_TASKS = 2000
_LOOKUP_TASKS = 1000

Row = dict[str, Any]
"""A task as the server lists it; its `data` and `annotations` may be empty."""

Condition = tuple[str, str, str, object]
"""Column, operator, type, value. An unknown column gives a 500; an unknown operator matches no task."""


def count(server: LabelStudioClient, project_id: int) -> tuple[int, int]:
    """Return the numbers of tasks and of answers, without skips, in the project."""
    params = {"project": project_id, "page_size": 1, "fields": "task_only", "include": "id"}
    with translated(server.url, f"count the tasks of project {project_id}"):
        reply = server.get("/api/tasks/", params)
        return int(reply["total"]), int(reply["total_annotations"])


def sweep(
    server: LabelStudioClient,
    projects: Iterable[int],
    include: str,
    *conditions: Condition,
    is_full: bool = False,
) -> Iterator[Row]:
    """Yield the tasks that meet all `conditions`, by project and ascending id, with the fields in `include`.

    The filter is in the body, because a thousand keys are too long for a URL. When a proxy drops the body,
    the server sends more tasks than requested; callers check the tasks that they get, as `lookup` does.
    """
    for project_id in projects:
        params = _params(project_id, include, PAGE_TASKS, is_full=is_full)
        last = 0
        while True:
            wanted = filters(*conditions, ("id", "greater", "Number", last))
            body = {"filters": wanted, "ordering": ["tasks:id"]}
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
                break
            last = rows[-1]["id"]


def lookup(
    server: LabelStudioClient,
    projects: Iterable[int],
    include: str,
    column: Literal["id", "data.key"],
    values: Sequence[int | str],
    *,
    is_full: bool = False,
) -> Iterator[Row]:
    """Yield the tasks whose `column` holds one of `values`, and no others even where the filter is lost."""
    kind = "Number" if column == "id" else "String"
    for first in range(0, len(values), _LOOKUP_TASKS):
        part = list(values[first : first + _LOOKUP_TASKS])
        condition, wanted = (column, "in_list", kind, part), set(part)
        for row in sweep(server, projects, include, condition, is_full=is_full):
            if (row["id"] if column == "id" else row["data"].get("key")) in wanted:
                yield row


def changed_page(
    server: LabelStudioClient, project_id: int, include: str, since: datetime, size: int
) -> list[Row]:
    """Return the first `size` tasks changed at or after `since`, with annotations, oldest change first."""
    stamp = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # any other format gives a 500
    wanted = filters(("updated_at", "greater_or_equal", "Datetime", stamp))
    query = json.dumps({"ordering": ["tasks:updated_at"], "filters": wanted})
    params = _params(project_id, include, size, is_full=True) | {"query": query}
    with translated(server.url, f"list what changed since {stamp} in project {project_id}"):
        rows = _rows(server.get("/api/tasks/", params))
        return [row | {"updated_at": datetime.fromisoformat(row["updated_at"])} for row in rows]


def filters(*conditions: Condition) -> dict[str, Any]:
    """Return the filter of a list of tasks, or of a tab, that all `conditions` must meet."""
    items = [
        {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
        for column, operator, kind, value in conditions
    ]
    return {"conjunction": "and", "items": items}


def _params(project_id: int, include: str, size: int, *, is_full: bool) -> dict[str, Any]:
    return {
        "project": project_id,
        "fields": "all" if is_full else "task_only",
        "include": include,
        "page_size": size,
        "resolve_uri": False,
    }


def _rows(reply: dict[str, Any]) -> list[Row]:
    return [
        {
            **row,
            "id": int(row["id"]),
            "data": row.get("data") or {},
            "annotations": row.get("annotations") or [],
        }
        for row in reply["tasks"]
    ]
