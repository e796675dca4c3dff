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
    LocalContent,
    ServedContent,
    TaskData,
    content_digest,
    image_data,
    read_tasks,
    task_payload,
)
from goldloop.adapters.label_studio.project import Projects
from goldloop.adapters.label_studio.project_search import ROLES
from goldloop.adapters.label_studio.sheet_list import count_pictures, left_with_none
from goldloop.adapters.label_studio.sheets import (
    by_whole,
    ids_by_key,
    is_on_sheet,
    sealed_by_id,
    sheet_payload,
    shown_together,
    single_tasks,
    whole_id,
    whole_ids,
)
from goldloop.adapters.label_studio.suggestions import batches, restore_suggestions
from goldloop.adapters.label_studio.tabs import QUEUES, ensure_tabs
from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.adapters.label_studio.task_list import changed_page, count, lookup, sweep
from goldloop.core.annotations import ListedTask, ServerCounts, TaskState
from goldloop.core.errors import ServiceError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import NewTask

# One flat list names the fields of tasks and of their annotations. Every further field takes time, above all
# `predictions` and `drafts`; a draft is not an answer.
_CHANGED_FIELDS = (
    "id,updated_at,data,annotations,result,completed_by,created_at,lead_time,was_cancelled,"
    "updated_by,import_id"
)
_LISTED_FIELDS = "id,data,updated_at,total_annotations,cancelled_annotations"


class LabelStudioQueue:
    """The `LabelingQueue` of the Label Studio projects of one workspace.

    The purpose of a task determines its project. Task ids come from the server, so no two projects share one;
    a sheet is one task there, and one for each picture here (goldloop.adapters.label_studio.sheets).
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

        Activities are labeling, adjudication and onboarding, sheets where there are any, and each queue of
        the main project by its title.
        """
        pages, tabs = [f"{self.url}/projects/{id_}/data" for id_ in self.projects], self.tabs()
        return {
            **{role: f"{page}?labeling=1" for role, page in zip(ROLES, pages, strict=False)},
            **{title: f"{pages[0]}?tab={tabs[title]}&labeling=1" for title in QUEUES},
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
            restore_suggestions(self._server, self.projects.main)
            self._is_whole = True
        self.content.publish({task.path for task in tasks if task.path})
        ids: dict[str, int] = {}
        accounts = known_accounts(self._server) if any(task.barred for task in tasks) else set()
        for project_id in self.projects:
            mine = [task for task in tasks if self.projects.of(task.purpose) == project_id]
            payloads = [self._whole_payload(shown, accounts) for shown in shown_together(mine)]
            for batch in batches(payloads):
                ids |= self._import(project_id, batch)
        # it opens these tasks; an import that lost its predictions has lost the skips too
        self.bar({ids[task.key]: task.barred for task in tasks if task.barred})
        versions = (one.suggestion.model_version for one in tasks if one.suggestion and not one.sheet)
        self._show_version(next(versions, self._found_version))
        return {task.key: ids[task.key] for task in tasks}

    def content_of(self, task: NewTask) -> str:
        """Return the digest of the data that annotators see of a task, as `changed_since` lists it."""
        return content_digest(self._payload(task)["data"])

    def find(self, keys: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of all tasks on the server that carry one of `keys`, ascending, by key."""
        ids: dict[str, list[int]] = {}
        wanted, sheets = set(keys), self.projects.sheets
        alone = [key for key in dict.fromkeys(keys) if not is_on_sheet(key)]
        rows = list(lookup(self._server, self.projects.single, "id,data", "data.key", alone))
        if len(alone) < len(wanted) and sheets is not None:  # no filter reaches the keys within a sheet
            rows += single_tasks(sweep(self._server, [sheets], "id,data"))
        for row in rows:
            if row["data"].get("key") in wanted:
                ids.setdefault(row["data"]["key"], []).append(row["id"])
                self._note_version(row)
        return ids

    def bar(self, barred: Mapping[int, Collection[str]]) -> None:
        """Keep tasks, by id, from annotators, and open them to all others; who is barred already stays so."""
        singly = {task_id: who for task_id, who in barred.items() if whole_id(task_id) == task_id}
        bar(self._server, self.projects.single, singly)
        if self.projects.sheets is not None:
            on_sheets = by_whole({id_: who for id_, who in barred.items() if id_ not in singly})
            bar(self._server, [self.projects.sheets], on_sheets, on_sheet=True)

    def counts(self) -> ServerCounts:
        """Return how many tasks and answers the projects hold on the server; it lists every sheet."""
        counts, sheets = count(self._server, self.projects.single), self.projects.sheets
        return counts if sheets is None else counts + count_pictures(self._server, sheets)

    def listing(self) -> list[ListedTask]:
        """Return every task, by ascending id; the key of one that goldloop did not push may be ""."""
        listed: list[ListedTask] = []
        for row in single_tasks(sweep(self._server, self.projects, _LISTED_FIELDS)):
            data = row["data"] if isinstance(row["data"], dict) else {}
            key = data.get("key")
            with translated(self.url, f"list task {row['id']}"):
                n = int(row["total_annotations"] or 0) + int(row["cancelled_annotations"] or 0)
                moment = datetime.fromisoformat(row["updated_at"])
                listed.append(ListedTask(row["id"], key if isinstance(key, str) else "", moment, n))
            self._note_version(row)
        return sorted(listed, key=lambda task: task.task_id)

    def states(self, task_ids: Sequence[int]) -> list[TaskState]:
        """Return these tasks and their present annotations; ids without a task are left out."""
        wholes, wanted = whole_ids(task_ids), set(task_ids)
        rows = lookup(self._server, self.projects, _CHANGED_FIELDS, "id", wholes, is_full=True)
        moments = (row | {"updated_at": datetime.fromisoformat(row["updated_at"])} for row in rows)
        asked = [row for row in single_tasks(moments) if row["id"] in wanted]
        return read_tasks(asked, self.labels, self.acceptable)

    def all_tasks(self) -> dict[int, str]:
        """Return key by task id for every task with a key."""
        return {task.task_id: task.key for task in self.listing() if task.key}

    def sealed_plans(self, task_ids: Sequence[int]) -> dict[int, str]:
        """Return the sealed plan of each of these tasks that has one, by id."""
        found: dict[int, str] = {}
        for row in lookup(self._server, self.projects, "id,meta", "id", whole_ids(task_ids)):
            found |= sealed_by_id(row)
        return {task_id: found[task_id] for task_id in task_ids if task_id in found}

    def answered(self, task_ids: Sequence[int]) -> set[int]:
        """Return those of `task_ids` that hold at least one annotation or skip."""
        fields = "id,annotations,result,was_cancelled,completed_by,updated_by"
        answered = {
            row["id"]
            for row in lookup(self._server, self.projects, fields, "id", whole_ids(task_ids), is_full=True)
            if row["annotations"] is None or not all(map(is_barring, row["annotations"]))
        }
        return {task_id for task_id in task_ids if whole_id(task_id) in answered}

    def delete(self, task_ids: Sequence[int]) -> None:
        """Delete these tasks and their annotations; ids without a task are ignored.

        A sheet of which pictures remain goes on without the others.
        """
        gone = left_with_none(self._server, self.projects.sheets, task_ids)
        if not gone:
            return
        chosen = {"all": False, "included": gone}
        for project_id in self.projects:
            with translated(self.url, f"delete those of {len(task_ids)} tasks in project {project_id}"):
                action = {"id": "delete_tasks", "project": project_id}
                self._server.post("/api/dm/actions/", {"selectedItems": chosen}, action)

    def ask(self, n_answers: Mapping[int, int]) -> None:
        """Set by how many different annotators each task, by id, is to be answered in total.

        Label Studio gives the task to annotators who have neither answered nor skipped it. Deleted tasks are
        ignored; a task that has the number already costs only its lookup.
        """
        most: dict[int, int] = {}
        for task_id, n in n_answers.items():
            most[whole_id(task_id)] = max(n, most.get(whole_id(task_id), 0))
        set_overlaps(self._server, self.projects, most)

    def changed_since(self, moment: datetime | None) -> Iterator[list[TaskState]]:
        """Yield pages of tasks changed at or after `moment` (None: all tasks), oldest change first.

        A task that changes meanwhile may come twice, the second time with its newer state.
        """
        fetches = (partial(changed_page, self._server, project, _CHANGED_FIELDS) for project in self.projects)
        for rows in merged_pages([ChangeStream(fetch, moment) for fetch in fetches]):
            yield read_tasks(list(single_tasks(rows)), self.labels, self.acceptable)

    def _payload(self, task: NewTask) -> dict[str, Any]:
        return task_payload(task, self.task_data, self.content.link)

    def _whole_payload(self, shown: Sequence[NewTask], accounts: Collection[str]) -> dict[str, Any]:
        """Return the import of the task on the server that shows these samples together.

        Those of `accounts` that are barred from the first are barred from it.
        """
        payloads, on_sheet = [self._payload(task) for task in shown], shown[0].sheet is not None
        barred = [barring(name, on_sheet=on_sheet) for name in shown[0].barred if name in accounts]
        return (sheet_payload(payloads) if on_sheet else payloads[0]) | {"annotations": barred}

    def _import(self, project_id: int, payloads: Sequence[dict[str, Any]]) -> dict[str, int]:
        with translated(self.url, f"import {len(payloads)} tasks into project {project_id}"):
            address = f"/api/projects/{project_id}/import"
            sent = [one | {"data": self._server.keys.sealed_data(one["data"])} for one in payloads]
            reply = self._server.post(address, sent, {"return_task_ids": True})
            task_ids, n_predictions = reply["task_ids"], reply["prediction_count"]
        if len(task_ids) != len(payloads):
            raise ServiceError(
                f"Label Studio at {self.url} created {len(task_ids)} of {len(payloads)} tasks in project "
                f"{project_id}; push again, which looks up the tasks on the server"
            )
        if n_predictions != sum(len(payload["predictions"]) for payload in payloads):
            restore_suggestions(self._server, self.projects.main)
        ids: dict[str, int] = {}
        for payload, task_id in zip(payloads, task_ids, strict=True):
            ids |= ids_by_key(task_id, payload["data"])
        return ids

    def _note_version(self, row: Mapping[str, Any]) -> None:
        """Remember whose suggestion a task shows; sheets show it as their question."""
        if isinstance(row["data"], dict) and whole_id(row["id"]) == row["id"]:
            self._found_version = row["data"].get("suggested_by") or self._found_version

    def _show_version(self, version: str | None) -> None:
        """Show annotators the suggestions of `version`; Label Studio shows those of one version only.

        Open tasks of an older version keep their suggestion in the hint, but their label is not preselected.
        """
        if version is None or version == self._shown_version:
            return
        with translated(self.url, f"show the suggestions of model version {version}"):
            self._server.patch(f"/api/projects/{self.projects.main}/", {"model_version": version})
        self._shown_version = version
