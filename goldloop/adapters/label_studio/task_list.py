"""Lists the tasks of projects page by page; each page starts where the last one ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import httpx

from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.core.annotations import ServerCounts
from goldloop.core.errors import ServiceError

CHANGES = "/api/goldloop/changes/"  # goldloop.services.label_studio_server has it
PAGE_TASKS = 2000
_LOOKUP_TASKS = 1000
_MOST_UNLISTED = 10  # tasks on one page that the server fails to list; with more, the server itself is broken

Row = dict[str, Any]
"""A task as the server lists it; its `data` and `annotations` may be empty."""

Condition = tuple[str, str, str, object]
"""Column, operator, type, value. An unknown column gives a 500; an unknown operator matches no task."""


def count(server: LabelStudioClient, projects: Sequence[int]) -> ServerCounts:
    """Return the numbers of tasks and of answers, without skips, in all these projects.

    One request for all projects takes a quarter of the time of a list of no tasks for each of three.

    Raises:
        ServiceError: a project is not on the server.
    """
    counted = "id,task_number,total_annotations_number"
    with translated(server.url, "count the tasks"):
        rows = list(server.pages("/api/projects/", {"ids": ",".join(map(str, projects)), "include": counted}))
        found = {row["id"]: (row["task_number"], row["total_annotations_number"]) for row in rows}
    if missing := [project_id for project_id in projects if project_id not in found]:
        raise ServiceError(
            f"Label Studio at {server.url} does not list project {missing[0]}; check that it was not deleted"
        )
    n_tasks, n_answers = (sum(numbers) for numbers in zip(*found.values(), strict=True))
    return ServerCounts(n_tasks, n_answers)


def sweep(
    server: LabelStudioClient,
    projects: Iterable[int],
    include: str,
    *conditions: Condition,
    is_full: bool = False,
) -> Iterator[Row]:
    """Yield the tasks that meet all `conditions`, by project and ascending id, with the fields in `include`.

    With `is_full`, `annotations` is None for a task that the server cannot list with them. The filter is in
    the body, because a thousand keys are too long for a URL. When a proxy drops the body, the server sends
    more tasks than requested; callers check the tasks that they get, as `lookup` does.
    """
    for project_id in projects:
        params = _params(project_id, include, PAGE_TASKS, is_full=is_full)
        last = 0
        while True:
            wanted = filters(*conditions, ("id", "greater", "Number", last))
            body = {"filters": wanted, "ordering": ["tasks:id"]}
            with translated(server.url, f"list tasks of project {project_id}"):
                rows = _listed(server, params, body)
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
        written = {*part, *(server.keys.sealed(value) for value in part if isinstance(value, str))}
        condition, wanted = (column, "in_list", kind, sorted(written, key=str)), set(part)
        for row in sweep(server, projects, include, condition, is_full=is_full):
            if (row["id"] if column == "id" else row["data"].get("key")) in wanted:
                yield row


def changed_page(
    server: LabelStudioClient, project_id: int, include: str, since: datetime, size: int
) -> list[Row]:
    """Return the first `size` tasks changed at or after `since`, with annotations, oldest change first.

    `annotations` is None for a task that the server cannot list with them, as when one of them holds half a
    character: Label Studio stores it and then fails on every page that contains it.
    """
    stamp = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # any other format gives a 500
    with translated(server.url, f"list what changed since {stamp} in project {project_id}"):
        own = _own_page(server, {"project": project_id, "since": stamp, "size": size})
        if own is not None:
            return own
    wanted = filters(("updated_at", "greater_or_equal", "Datetime", stamp))
    query = json.dumps({"ordering": ["tasks:updated_at"], "filters": wanted})
    params = _params(project_id, include, size, is_full=True) | {"query": query}
    with translated(server.url, f"list what changed since {stamp} in project {project_id}"):
        rows = _listed(server, params)
        return [row | {"updated_at": datetime.fromisoformat(row["updated_at"])} for row in rows]


def _own_page(server: LabelStudioClient, wanted: dict[str, Any]) -> list[Row] | None:
    """Return the page by goldloop's own address of the embedded server, which reads no other fields.

    None where there is none, and where it fails on a task; the list of tasks then finds out which.
    """
    try:
        reply = server.post_if_there(CHANGES, wanted)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
            raise
        return None
    if reply is None:
        return None
    return [row | {"updated_at": datetime.fromisoformat(row["updated_at"])} for row in _rows(server, reply)]


def _listed(server: LabelStudioClient, params: dict[str, Any], body: object = None) -> list[Row]:
    """Return the tasks of one page; where the server fails on their annotations, task by task."""
    try:
        return _rows(server, server.get("/api/tasks/", params, body=body))
    except httpx.HTTPStatusError as error:
        is_full = params["fields"] == "all"
        if not is_full or error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
            raise
        bare = params | {"fields": "task_only", "include": "id,updated_at,data"}
        listed = _rows(server, server.get("/api/tasks/", bare, body=body))
        return _listable(server, {k: v for k, v in params.items() if k != "query"}, listed, error)


def _listable(
    server: LabelStudioClient, params: dict[str, Any], listed: list[Row], error: httpx.HTTPStatusError
) -> list[Row]:
    """Return the tasks `listed` with annotations, which are None where the server fails on one task alone.

    Raises:
        httpx.HTTPStatusError: the server fails on more tasks than _MOST_UNLISTED; this is `error`.
    """
    rows: dict[int, Row] = {}
    parts, n_unlisted = [listed], 0
    while parts:
        part = parts.pop()
        wanted = filters(("id", "in_list", "Number", [row["id"] for row in part]))
        try:
            found = _rows(server, server.get("/api/tasks/", params, body={"filters": wanted}))
        except httpx.HTTPStatusError:
            n_unlisted += len(part) == 1
            if n_unlisted > _MOST_UNLISTED:
                raise error from None
            half = len(part) // 2
            parts += [part[:half], part[half:]] if half else []
            continue
        rows |= {row["id"]: row for row in found}
    return [rows.get(row["id"], row | {"annotations": None}) for row in listed]


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


def _rows(server: LabelStudioClient, reply: dict[str, Any]) -> list[Row]:
    """Return the tasks of a reply, each with the key that goldloop gave it."""
    rows: list[Row] = []
    for row in reply["tasks"]:
        data, given = row.get("data") or {}, row.get("annotations") or []
        if isinstance(data, dict):
            data = server.keys.opened_data(data)
        rows.append({**row, "id": int(row["id"]), "data": data, "annotations": given})
    return rows
