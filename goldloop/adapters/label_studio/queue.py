"""The labelling queue on Label Studio: push, find, delete, and the pull of what changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from goldloop.adapters.label_studio.changes import ChangeStream, Fetch, Row, merged_pages
from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.exclusions import bar, is_barring
from goldloop.adapters.label_studio.images import ImageUrl, TaskData, image_data
from goldloop.adapters.label_studio.overlap import set_overlaps
from goldloop.adapters.label_studio.payload import prediction_payload, read_tasks, task_payload
from goldloop.adapters.label_studio.project import Projects
from goldloop.adapters.label_studio.server import translated
from goldloop.adapters.label_studio.tabs import QUEUES, ensure_tabs
from goldloop.adapters.label_studio.task_list import changed_page, count, sweep
from goldloop.core.annotations import TaskState
from goldloop.core.errors import ServiceError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import NewTask

BATCH_TASKS = 500  # tasks per import: more is no faster and holds the server's write lock longer
LOOKUP_KEYS = 1000

# One flat list serves tasks and the annotations in them. Every further field costs, `predictions` and
# `drafts` most; a draft is no answer.
_CHANGED_FIELDS = "id,updated_at,data,annotations,result,completed_by,created_at,lead_time,was_cancelled"


class LabelStudioQueue:
    """The `LabelingQueue` of the three Label Studio projects of one workspace.

    A task's purpose says in which of them it is; task ids are the server's, so no two projects share one.
    Annotators are named by user id. What was shown to them is read from the task's own data: goldloop never
    changes the suggestion of a task once it is pushed.
    """

    def __init__(
        self,
        url: str,
        token: str,
        projects: Projects,
        labels: LabelSet,
        *,
        image_url: ImageUrl,
        task_data: TaskData = image_data,
    ) -> None:
        self.url = url
        self.projects = projects
        self.labels = labels
        self.image_url, self.task_data = image_url, task_data
        self._server = LabelStudioClient(url, token)
        self._shown_version: str | None = None
        self._found_version: str | None = None  # of tasks whose push may have died before it was shown
        self._is_whole = False  # whether suggestions lost before our first push were looked for

    @property
    def project_id(self) -> int:
        """The main project, where people label."""
        return self.projects.main

    def project_urls(self) -> dict[str, str]:
        """Return where people begin to work, by what they do there.

        That is labeling, adjudication or onboarding, or one queue of the main project by its title.
        """
        names = ("labeling", "adjudication", "onboarding")
        pages = {
            name: f"{self.url}/projects/{project_id}/data"
            for name, project_id in zip(names, self.projects, strict=True)
        }
        tabs = self.tabs()
        queues = {title: f"{pages['labeling']}?tab={tabs[title]}&labeling=1" for title in QUEUES}
        return {name: f"{page}?labeling=1" for name, page in pages.items()} | queues

    def tabs(self) -> dict[str, int]:
        """Return the ids of the main project's tabs by title: everything first, then each queue."""
        with translated(self.url, "find the queues"):
            return ensure_tabs(self._server, self.projects.main)

    def push(self, tasks: Sequence[NewTask]) -> dict[str, int]:
        """Create one task for each, in batches; return task ids by key, in the order given.

        A batch goes into one project and is all or nothing. Suggestions that a server on SQLite lost while
        somebody else wrote are restored: the first push also restores those an earlier one left behind, and
        `push([])` repairs.

        Raises:
            ServiceUnreachableError: no answer; the batch on its way may still be carried out.
            ServiceError: the server refused a batch or did not do all of it.
        """
        if not (self._is_whole and tasks):
            self._restore_suggestions()
            self._is_whole = True
        ids: dict[str, int] = {}
        for project_id in self.projects:
            mine = [task for task in tasks if self.projects.of(task.purpose) == project_id]
            for first in range(0, len(mine), BATCH_TASKS):
                part = mine[first : first + BATCH_TASKS]
                ids |= self._import(
                    project_id, [task_payload(task, self.image_url, self.task_data) for task in part]
                )
        bar(self._server, {ids[task.key]: task.barred for task in tasks})
        versions = (task.suggestion.model_version for task in tasks if task.suggestion)
        self._show_version(next(versions, self._found_version))
        return {task.key: ids[task.key] for task in tasks}

    def find(self, keys: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of all tasks on the server that carry one of `keys`, ascending, by key."""
        found: dict[str, list[int]] = {}
        distinct = list(dict.fromkeys(keys))
        for first in range(0, len(distinct), LOOKUP_KEYS):
            part = distinct[first : first + LOOKUP_KEYS]
            wanted = set(part)
            for row in self._sweep("id,data", ("data.key", "in_list", "String", part)):
                if row["data"].get("key") in wanted:
                    found.setdefault(row["data"]["key"], []).append(row["id"])
                    self._found_version = row["data"].get("suggested_by") or self._found_version
        return found

    def n_tasks(self) -> int:
        """Return how many tasks the projects hold on the server."""
        return sum(count(self._server, project_id) for project_id in self.projects)

    def all_tasks(self) -> dict[int, str]:
        """Return key by task id for every task that goldloop pushed."""
        found: dict[int, str] = {}
        for row in self._sweep("id,data"):
            if isinstance(row["data"].get("key"), str):
                found[row["id"]] = row["data"]["key"]
                self._found_version = row["data"].get("suggested_by") or self._found_version
        return found

    def answered(self, task_ids: Sequence[int]) -> set[int]:
        """Return those of `task_ids` that hold at least one annotation or skip."""
        found: set[int] = set()
        for first in range(0, len(task_ids), LOOKUP_KEYS):
            part = list(task_ids[first : first + LOOKUP_KEYS])
            fields = "id,annotations,result,was_cancelled"
            for row in self._sweep(fields, ("id", "in_list", "Number", part), is_full=True):
                if not all(is_barring(one) for one in row["annotations"]):
                    found.add(row["id"])
        return found

    def delete(self, task_ids: Sequence[int]) -> None:
        """Delete these tasks and their annotations; ids that are gone already are passed over."""
        if not task_ids:
            return
        chosen = {"all": False, "included": list(task_ids)}
        for project_id in self.projects:
            with translated(self.url, f"delete those of {len(task_ids)} tasks in project {project_id}"):
                action = {"id": "delete_tasks", "project": project_id}
                self._server.post("/api/dm/actions/", {"selectedItems": chosen}, action)

    def ask(self, n_answers: Mapping[int, int]) -> None:
        """Let each task, by id, be answered by so many different people in all.

        It comes in their usual stream, never to somebody who has answered or skipped it. Tasks that are
        gone are passed over; those that have that number already cost nothing but their lookup.
        """
        set_overlaps(self._server, self.projects, n_answers)

    def changed_since(self, moment: datetime | None) -> Iterator[list[TaskState]]:
        """Yield pages of tasks changed at or after `moment` (None: ever), oldest change first.

        A task that changes meanwhile may come twice, the later time with its newer state.
        """
        streams = [ChangeStream(self._changed(project_id), moment) for project_id in self.projects]
        for rows in merged_pages(streams):
            yield read_tasks(rows, self.labels)

    def _changed(self, project_id: int) -> Fetch:
        def fetch(since: datetime, size: int) -> list[Row]:
            return changed_page(self._server, project_id, _CHANGED_FIELDS, since=since, size=size)

        return fetch

    def _sweep(
        self, include: str, *conditions: tuple[str, str, str, object], is_full: bool = False
    ) -> Iterator[Row]:
        for project_id in self.projects:
            yield from sweep(self._server, project_id, include, *conditions, is_full=is_full)

    def _import(self, project_id: int, payloads: list[dict[str, Any]]) -> dict[str, int]:
        with translated(self.url, f"import {len(payloads)} tasks into project {project_id}"):
            address = f"/api/projects/{project_id}/import"
            reply = self._server.post(address, payloads, {"return_task_ids": True})
            task_ids, n_predictions = reply["task_ids"], reply["prediction_count"]
        if len(task_ids) != len(payloads):
            raise ServiceError(
                f"Label Studio at {self.url} made {len(task_ids)} tasks of {len(payloads)} in project "
                f"{project_id}; push again, which looks up what is there"
            )
        if n_predictions != sum(len(payload["predictions"]) for payload in payloads):
            self._restore_suggestions()
        return {payload["data"]["key"]: task_id for payload, task_id in zip(payloads, task_ids, strict=True)}

    def _restore_suggestions(self) -> None:
        """Give every task that should have a suggestion and has no prediction its prediction back.

        A server on SQLite that is written to during an import repeats the import without its predictions
        and reports success, with a prediction_count of 0.
        """
        rows = sweep(
            self._server,
            self.project_id,
            "id,data,total_predictions",
            ("total_predictions", "equal", "Number", 0),
            ("data.suggested", "empty", "Unknown", "false"),
        )
        lost = [
            prediction_payload(row["data"]) | {"task": row["id"]}
            for row in rows
            if row["data"].get("suggested") and row.get("total_predictions") == 0
        ]
        for first in range(0, len(lost), BATCH_TASKS):
            part = lost[first : first + BATCH_TASKS]
            with translated(self.url, f"restore the suggestions of {len(part)} tasks"):
                address = f"/api/projects/{self.project_id}/import/predictions"
                n_made = self._server.post(address, part)["created"]
            if n_made != len(part):
                raise ServiceError(
                    f"Label Studio at {self.url} restored {n_made} of {len(part)} lost suggestions in "
                    f"project {self.project_id}; push again when nobody else is writing"
                )

    def _show_version(self, version: str | None) -> None:
        """Let annotators see the suggestions of `version`; Label Studio shows those of one version only.

        Open tasks of an older version keep their suggestion in the hint, without the label being chosen.
        """
        if version is None or version == self._shown_version:
            return
        with translated(self.url, f"show the suggestions of model version {version}"):
            self._server.patch(f"/api/projects/{self.project_id}/", {"model_version": version})
        self._shown_version = version
