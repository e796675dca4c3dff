"""Lists tasks of a project page by page, each page starting where the last one ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from label_studio_sdk import LabelStudio

from goldloop.adapters.label_studio.server import translated
from goldloop.core.errors import ServiceError

PAGE_TASKS = 2000

Condition = tuple[str, str, str, object]
"""Column, operator, type, value. An unknown column is a 500; an unknown operator finds nothing."""


def count(server: LabelStudio, url: str, project_id: int) -> int:
    """Return how many tasks the project holds."""
    with translated(url, f"count the tasks of project {project_id}"):
        page: Any = server.tasks.list(project=project_id, page_size=1, fields="task_only", include="id")
        return _checked_total(page)


def sweep(
    server: LabelStudio,
    url: str,
    project_id: int,
    include: str,
    *conditions: Condition,
    is_full: bool = False,
) -> Iterator[Any]:
    """Yield the tasks that meet all `conditions`, by ascending id, with the fields named in `include`.

    The filter goes in the body: a thousand keys are too long for an address. Should a proxy drop the body,
    the server sends more tasks than asked for; callers check what they get.
    """
    last = 0
    while True:
        body = {"filters": _filters(*conditions, ("id", "greater", "Number", last)), "ordering": ["tasks:id"]}
        with translated(url, f"list tasks of project {project_id}"):
            page: Any = server.tasks.list(
                project=project_id,
                fields="all" if is_full else "task_only",
                include=include,
                page_size=PAGE_TASKS,
                resolve_uri=False,
                request_options={"additional_body_parameters": body},
            )
            _checked_total(page)
        rows = sorted(page.items or [], key=lambda row: int(row.id))
        if rows and rows[0].id <= last:
            raise ServiceError(
                f"Label Studio at {url} lists task {rows[0].id} although asked for those above {last}; "
                "let the proxy in front of it pass the body of GET requests"
            )
        yield from rows
        if len(rows) < PAGE_TASKS:
            return
        last = rows[-1].id


def changed_page(
    server: LabelStudio, url: str, project_id: int, include: str, *, since: datetime, size: int
) -> list[Any]:
    """Return the first `size` tasks changed at or after `since`, with annotations, oldest change first."""
    stamp = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # any other form is a 500
    query = {
        "ordering": ["tasks:updated_at"],
        "filters": _filters(("updated_at", "greater_or_equal", "Datetime", stamp)),
    }
    with translated(url, f"list what changed since {stamp} in project {project_id}"):
        page: Any = server.tasks.list(
            project=project_id,
            fields="all",
            include=include,
            query=json.dumps(query),
            page_size=size,
            resolve_uri=False,
        )
        _checked_total(page)
    return list(page.items or [])


def _checked_total(page: Any) -> int:
    """Return the total a page of the task list states; a reply without one is no task list at all."""
    if not isinstance(page.response.total, int):
        raise ValueError("the reply states no total")
    return page.response.total


def _filters(*conditions: Condition) -> dict[str, Any]:
    items = [
        {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}
        for column, operator, kind, value in conditions
    ]
    return {"conjunction": "and", "items": items}
