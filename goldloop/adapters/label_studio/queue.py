"""The labelling queue on Label Studio: pushes, finds and deletes tasks, and pulls changed tasks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from goldloop.adapters.label_studio.assignment import bar, barring, is_barring, known_accounts, set_overlaps
from goldloop.adapters.label_studio.changes import ChangeStream, merged_pages
from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.adapters.label_studio.payload import (
    SEALED,
    LocalContent,
    ServedContent,
    TaskData,
    content_digest,
    image_data,
    prediction_payload,
    read_tasks,
    task_payload,
)
from goldloop.adapters.label_studio.project import Projects
from goldloop.adapters.label_studio.tabs import QUEUES, ensure_tabs
from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.adapters.label_studio.task_list import changed_page, count, lookup, sweep
from goldloop.core.annotations import ListedTask, ServerCounts, TaskState
from goldloop.core.errors import ServiceError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import NewTask

BATCH_TASKS = 500  # tasks per import; larger imports are no faster and hold the server's write lock longer

# One flat list names the fields of tasks and of their annotations. Every further field takes time, above all
# `predictions` and `drafts`; a draft is not an answer.
_CHANGED_FIELDS = (
    "id,updated_at,data,annotations,result,completed_by,created_at,lead_time,was_cancelled,"
    "updated_by,import_id"
)
_LISTED_FIELDS = "id,data,updated_at,total_annotations,cancelled_annotations"


class LabelStudioQueue:
    """The `LabelingQueue` of the three Label Studio projects of one workspace.

    The purpose of a task determines its project. Task ids come from the server, so no two projects share one.
    Annotators have their user ids as names. The task's data holds the suggestion that annotators saw, because
    goldloop never changes the suggestion of a pushed task. `secret` encrypts the keys of tasks on the server.
    `acceptable` is the label that needs no severity. `content` is where the server's users find pictures.
    """

    def __init__(
        self,
        url: str,
        token: str,
        projects: Projects,
        labels: LabelSet,
        *,
        task_data: TaskData = image_data,
        secret: bytes = b"",
        acceptable: str | None = None,
        content: ServedContent | None = None,
    ) -> None:
        self.url = url
        self.projects = projects
        self.labels = labels
        self.task_data = task_data
        self.acceptable = acceptable
        self.content = content or LocalContent()
        self._server = LabelStudioClient(url, token, TaskKeys(secret))
        self._shown_version: str | None = None
        self._found_version: str | None = None  # of tasks whose push may have ended before `_show_version`
        self._is_whole = False  # whether the first push has restored lost suggestions

    def project_urls(self) -> dict[str, str]:
        """Return the start pages of annotators, by activity.

        Activities are labeling, adjudication and onboarding, and each queue of the main project by its title.
        """
        labeling, adjudication, onboarding = (f"{self.url}/projects/{id_}/data" for id_ in self.projects)
        tabs = self.tabs()
        return {
            "labeling": f"{labeling}?labeling=1",
            "adjudication": f"{adjudication}?labeling=1",
            "onboarding": f"{onboarding}?labeling=1",
            **{title: f"{labeling}?tab={tabs[title]}&labeling=1" for title in QUEUES},
        }

    def tabs(self) -> dict[str, int]:
        """Return the ids of the main project's tabs by title: all tasks first, then each queue."""
        with translated(self.url, "find the queues"):
            return ensure_tabs(self._server, self.projects.main)

    def push(self, tasks: Sequence[NewTask]) -> dict[str, int]:
        """Create `tasks` in batches; return task ids by key, in the order given.

        A batch goes into one project, completely or not at all. A server on SQLite can lose the suggestions
        of a batch during other writes; `push` restores them. The first push also restores those that an
        earlier process has left, and `push([])` only restores.

        Raises:
            ServiceUnreachableError: no reply; the server may still create the last batch. Or the store of
                the content does not answer, and nothing was created.
            ServiceError: the server refused a batch or created only a part of it.
        """
        if not (self._is_whole and tasks):
            self._restore_suggestions()
            self._is_whole = True
        self.content.publish({task.path for task in tasks if task.path})
        ids: dict[str, int] = {}
        accounts = known_accounts(self._server) if any(task.barred for task in tasks) else set()
        for project_id in self.projects:
            mine = [task for task in tasks if self.projects.of(task.purpose) == project_id]
            payloads = [
                self._payload(task)
                | {"annotations": [barring(name) for name in task.barred if name in accounts]}
                for task in mine
            ]
            for batch in _batches(payloads):
                ids |= self._import(project_id, batch)
        # it opens these tasks; an import that lost its predictions has lost the skips too
        self.bar({ids[task.key]: task.barred for task in tasks if task.barred})
        versions = (task.suggestion.model_version for task in tasks if task.suggestion)
        self._show_version(next(versions, self._found_version))
        return {task.key: ids[task.key] for task in tasks}

    def content_of(self, task: NewTask) -> str:
        """Return the digest of the data that annotators see of a task, as `changed_since` lists it."""
        return content_digest(self._payload(task)["data"])

    def find(self, keys: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of all tasks on the server that carry one of `keys`, ascending, by key."""
        ids: dict[str, list[int]] = {}
        for row in lookup(self._server, self.projects, "id,data", "data.key", list(dict.fromkeys(keys))):
            ids.setdefault(row["data"]["key"], []).append(row["id"])
            self._found_version = row["data"].get("suggested_by") or self._found_version
        return ids

    def bar(self, barred: Mapping[int, Collection[str]]) -> None:
        """Keep tasks, by id, from annotators, and open them to all others; who is barred already stays so."""
        bar(self._server, self.projects, barred)

    def counts(self) -> ServerCounts:
        """Return how many tasks and answers the projects hold on the server."""
        return count(self._server, list(self.projects))

    def listing(self) -> list[ListedTask]:
        """Return every task, by ascending id; the key of one that goldloop did not push may be ""."""
        listed: list[ListedTask] = []
        for row in sweep(self._server, self.projects, _LISTED_FIELDS):
            data = row["data"] if isinstance(row["data"], dict) else {}
            key = data.get("key")
            with translated(self.url, f"list task {row['id']}"):
                n = int(row["total_annotations"] or 0) + int(row["cancelled_annotations"] or 0)
                moment = datetime.fromisoformat(row["updated_at"])
                listed.append(ListedTask(row["id"], key if isinstance(key, str) else "", moment, n))
            self._found_version = data.get("suggested_by") or self._found_version
        return sorted(listed, key=lambda task: task.task_id)

    def states(self, task_ids: Sequence[int]) -> list[TaskState]:
        """Return these tasks and their present annotations; ids without a task are left out."""
        rows = lookup(self._server, self.projects, _CHANGED_FIELDS, "id", task_ids, is_full=True)
        moments = [row | {"updated_at": datetime.fromisoformat(row["updated_at"])} for row in rows]
        return read_tasks(moments, self.labels, self.acceptable)

    def all_tasks(self) -> dict[int, str]:
        """Return key by task id for every task with a key."""
        return {task.task_id: task.key for task in self.listing() if task.key}

    def sealed_plans(self, task_ids: Sequence[int]) -> dict[int, str]:
        """Return the sealed plan of each of these tasks that has one, by id."""
        rows = lookup(self._server, self.projects, "id,meta", "id", task_ids)
        found = {row["id"]: (row.get("meta") or {}).get(SEALED) for row in rows}
        return {task_id: sealed for task_id, sealed in found.items() if isinstance(sealed, str)}

    def answered(self, task_ids: Sequence[int]) -> set[int]:
        """Return those of `task_ids` that hold at least one annotation or skip."""
        fields = "id,annotations,result,was_cancelled,completed_by,updated_by"
        return {
            row["id"]
            for row in lookup(self._server, self.projects, fields, "id", task_ids, is_full=True)
            if row["annotations"] is None or not all(map(is_barring, row["annotations"]))
        }

    def delete(self, task_ids: Sequence[int]) -> None:
        """Delete these tasks and their annotations; ids without a task are ignored."""
        if not task_ids:
            return
        chosen = {"all": False, "included": list(task_ids)}
        for project_id in self.projects:
            with translated(self.url, f"delete those of {len(task_ids)} tasks in project {project_id}"):
                action = {"id": "delete_tasks", "project": project_id}
                self._server.post("/api/dm/actions/", {"selectedItems": chosen}, action)

    def ask(self, n_answers: Mapping[int, int]) -> None:
        """Set by how many different annotators each task, by id, is to be answered in total.

        Label Studio gives the task to annotators who have neither answered nor skipped it. Deleted tasks are
        ignored; a task that has the number already costs only its lookup.
        """
        set_overlaps(self._server, self.projects, n_answers)

    def changed_since(self, moment: datetime | None) -> Iterator[list[TaskState]]:
        """Yield pages of tasks changed at or after `moment` (None: all tasks), oldest change first.

        A task that changes meanwhile may come twice, the second time with its newer state.
        """
        fetches = [partial(changed_page, self._server, project, _CHANGED_FIELDS) for project in self.projects]
        for rows in merged_pages([ChangeStream(fetch, moment) for fetch in fetches]):
            yield read_tasks(rows, self.labels, self.acceptable)

    def _payload(self, task: NewTask) -> dict[str, Any]:
        return task_payload(task, self.task_data, self.content.link)

    def _import(self, project_id: int, payloads: list[dict[str, Any]]) -> dict[str, int]:
        with translated(self.url, f"import {len(payloads)} tasks into project {project_id}"):
            address = f"/api/projects/{project_id}/import"
            keys = self._server.keys
            sent = [
                one | {"data": one["data"] | {"key": keys.sealed(one["data"]["key"])}} for one in payloads
            ]
            reply = self._server.post(address, sent, {"return_task_ids": True})
            task_ids, n_predictions = reply["task_ids"], reply["prediction_count"]
        if len(task_ids) != len(payloads):
            raise ServiceError(
                f"Label Studio at {self.url} created {len(task_ids)} of {len(payloads)} tasks in project "
                f"{project_id}; push again, which looks up the tasks on the server"
            )
        if n_predictions != sum(len(payload["predictions"]) for payload in payloads):
            self._restore_suggestions()
        return {payload["data"]["key"]: task_id for payload, task_id in zip(payloads, task_ids, strict=True)}

    def _restore_suggestions(self) -> None:
        """Restore the prediction of every task that has a suggestion but no prediction.

        When another request writes to a server on SQLite during an import, the server repeats the import
        without its predictions and reports success, with a prediction_count of 0.
        """
        rows = sweep(
            self._server,
            [self.projects.main],
            "id,data,total_predictions",
            ("total_predictions", "equal", "Number", 0),
            ("data.suggested", "empty", "Unknown", "false"),
        )
        lost = [
            prediction_payload(row["data"]) | {"task": row["id"]}
            for row in rows
            if row["data"].get("suggested") and row.get("total_predictions") == 0
        ]
        for batch in _batches(lost):
            with translated(self.url, f"restore the suggestions of {len(batch)} tasks"):
                address = f"/api/projects/{self.projects.main}/import/predictions"
                n_made = self._server.post(address, batch)["created"]
            if n_made != len(batch):
                raise ServiceError(
                    f"Label Studio at {self.url} restored {n_made} of {len(batch)} lost suggestions in "
                    f"project {self.projects.main}; push again when no other process writes"
                )

    def _show_version(self, version: str | None) -> None:
        """Show annotators the suggestions of `version`; Label Studio shows those of one version only.

        Open tasks of an older version keep their suggestion in the hint, but their label is not preselected.
        """
        if version is None or version == self._shown_version:
            return
        with translated(self.url, f"show the suggestions of model version {version}"):
            self._server.patch(f"/api/projects/{self.projects.main}/", {"model_version": version})
        self._shown_version = version


def _batches(items: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, len(items), BATCH_TASKS):
        yield items[first : first + BATCH_TASKS]
