"""The labelling queue on Label Studio: push, find, delete, and the pull of what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from goldloop.adapters.label_studio.images import ImageUrl
from goldloop.adapters.label_studio.listing import changed_page, count, sweep
from goldloop.adapters.label_studio.payload import prediction_payload, read_tasks, task_payload
from goldloop.adapters.label_studio.server import connected, translated
from goldloop.annotations import TaskState
from goldloop.errors import ServiceError
from goldloop.labels import LabelSet
from goldloop.tasks import NewTask

BATCH_TASKS = 500  # tasks per import: more is no faster and holds the server's write lock longer
LOOKUP_KEYS = 1000
CHANGED_TASKS = 500  # tasks per page of a pull

# One flat list serves tasks and the annotations in them. Every further field costs, `predictions` and
# `drafts` most; a draft is no answer.
_CHANGED_FIELDS = "id,updated_at,data,annotations,result,completed_by,created_at,lead_time,was_cancelled"


class LabelStudioQueue:
    """The `LabelingQueue` of one Label Studio project.

    Annotators are named by user id. What was shown to them is read from the task's own data: goldloop never
    changes the suggestion of a task once it is pushed.
    """

    def __init__(
        self, url: str, token: str, project_id: int, labels: LabelSet, *, image_url: ImageUrl
    ) -> None:
        self.url = url
        self.project_id = project_id
        self.labels = labels
        self.image_url = image_url
        self._server = connected(url, token)
        self._shown_version: str | None = None
        self._found_version: str | None = None  # of tasks whose push may have died before it was shown
        self._is_whole = False  # whether suggestions lost before our first push were looked for

    def push(self, tasks: Sequence[NewTask]) -> dict[str, int]:
        """Create one task for each, in batches; return task ids by key, in the order given.

        All or nothing per batch. Suggestions that a server on SQLite lost while somebody else wrote are
        restored: the first push also restores those an earlier one left behind, and `push([])` repairs.

        Raises:
            ServiceUnreachableError: no answer; the batch on its way may still be carried out.
            ServiceError: the server refused a batch or did not do all of it.
        """
        if not (self._is_whole and tasks):
            self._restore_suggestions()
            self._is_whole = True
        ids: dict[str, int] = {}
        for first in range(0, len(tasks), BATCH_TASKS):
            part = tasks[first : first + BATCH_TASKS]
            ids |= self._import([task_payload(task, self.image_url) for task in part])
        versions = (task.suggestion.model_version for task in tasks if task.suggestion)
        self._show_version(next(versions, self._found_version))
        return ids

    def find(self, keys: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of all tasks on the server that carry one of `keys`, ascending, by key."""
        found: dict[str, list[int]] = {}
        distinct = list(dict.fromkeys(keys))
        for first in range(0, len(distinct), LOOKUP_KEYS):
            part = distinct[first : first + LOOKUP_KEYS]
            wanted = set(part)
            for row in self._sweep("id,data", ("data.key", "in_list", "String", part)):
                if row.data.get("key") in wanted:
                    found.setdefault(row.data["key"], []).append(row.id)
                    self._found_version = row.data.get("suggested_by") or self._found_version
        return found

    def n_tasks(self) -> int:
        """Return how many tasks the project holds on the server."""
        return count(self._server, self.url, self.project_id)

    def all_tasks(self) -> dict[int, str]:
        """Return key by task id for every task that goldloop pushed."""
        found: dict[int, str] = {}
        for row in self._sweep("id,data"):
            if isinstance(row.data.get("key"), str):
                found[row.id] = row.data["key"]
                self._found_version = row.data.get("suggested_by") or self._found_version
        return found

    def answered(self, task_ids: Sequence[int]) -> set[int]:
        """Return those of `task_ids` that hold at least one annotation or skip."""
        found: set[int] = set()
        for first in range(0, len(task_ids), LOOKUP_KEYS):
            part = list(task_ids[first : first + LOOKUP_KEYS])
            rows = self._sweep(
                "id,total_annotations,cancelled_annotations", ("id", "in_list", "Number", part)
            )
            found |= {row.id for row in rows if row.total_annotations or row.cancelled_annotations}
        return found

    def delete(self, task_ids: Sequence[int]) -> None:
        """Delete these tasks and their annotations; ids that are gone already are passed over."""
        if not task_ids:
            return
        chosen = {"all": False, "included": list(task_ids)}
        with translated(self.url, f"delete {len(task_ids)} tasks of project {self.project_id}"):
            self._server.actions.create(
                id="delete_tasks",
                project=self.project_id,
                request_options={"additional_body_parameters": {"selectedItems": chosen}},
            )

    def changed_since(self, moment: datetime | None) -> Iterator[list[TaskState]]:
        """Yield pages of tasks changed at or after `moment` (None: ever), oldest change first.

        A page starts where the last one ended, never at a page number: rows that change meanwhile move to
        the end. So a task may come twice, the later time with its newer state.
        """
        since = moment or datetime(1970, 1, 1, tzinfo=UTC)
        size = CHANGED_TASKS
        seen: set[tuple[int, datetime]] = set()
        while True:
            rows = changed_page(
                self._server, self.url, self.project_id, _CHANGED_FIELDS, since=since, size=size
            )
            fresh = [row for row in rows if (row.id, row.updated_at) not in seen]
            if fresh:
                yield read_tasks(fresh, self.labels)
            if len(rows) < size:
                return
            if rows[-1].updated_at == since:
                size *= 2  # more tasks share one moment than fit on a page
            since = rows[-1].updated_at
            seen = {(row.id, row.updated_at) for row in rows}

    def _sweep(self, include: str, *conditions: tuple[str, str, str, object]) -> Iterator[Any]:
        return sweep(self._server, self.url, self.project_id, include, *conditions)

    def _import(self, payloads: list[dict[str, Any]]) -> dict[str, int]:
        with translated(self.url, f"import {len(payloads)} tasks into project {self.project_id}"):
            reply: Any = self._server.projects.import_tasks(
                id=self.project_id,
                request=payloads,  # type: ignore[arg-type]  # the SDK sends plain dicts as they are
                return_task_ids=True,
            )
        task_ids = reply.task_ids or []
        if len(task_ids) != len(payloads):
            raise ServiceError(
                f"Label Studio at {self.url} made {len(task_ids)} tasks of {len(payloads)} in project "
                f"{self.project_id}; push again, which looks up what is there"
            )
        if reply.prediction_count != sum(len(payload["predictions"]) for payload in payloads):
            self._restore_suggestions()
        return {payload["data"]["key"]: task_id for payload, task_id in zip(payloads, task_ids, strict=True)}

    def _restore_suggestions(self) -> None:
        """Give every task that should have a suggestion and has no prediction its prediction back.

        A server on SQLite that is written to during an import repeats the import without its predictions
        and reports success, with a prediction_count of 0.
        """
        rows = self._sweep(
            "id,data,total_predictions",
            ("total_predictions", "equal", "Number", 0),
            ("data.suggested", "empty", "Unknown", "false"),
        )
        lost = [
            prediction_payload(row.data) | {"task": row.id}
            for row in rows
            if row.data.get("suggested") and row.total_predictions == 0
        ]
        for first in range(0, len(lost), BATCH_TASKS):
            part = lost[first : first + BATCH_TASKS]
            with translated(self.url, f"restore the suggestions of {len(part)} tasks"):
                reply = self._server.projects.import_predictions(
                    id=self.project_id,
                    request=part,  # type: ignore[arg-type]  # as above
                )
            if reply.created != len(part):
                raise ServiceError(
                    f"Label Studio at {self.url} restored {reply.created} of {len(part)} lost suggestions in "
                    f"project {self.project_id}; push again when nobody else is writing"
                )

    def _show_version(self, version: str | None) -> None:
        """Let annotators see the suggestions of `version`; Label Studio shows those of one version only.

        Open tasks of an older version keep their suggestion in the hint, without the label being chosen.
        """
        if version is None or version == self._shown_version:
            return
        with translated(self.url, f"show the suggestions of model version {version}"):
            self._server.projects.update(id=self.project_id, model_version=version)
        self._shown_version = version
