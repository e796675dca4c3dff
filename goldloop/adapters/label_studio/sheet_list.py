"""The sheets of a project: how many pictures they hold, and pictures taken off them."""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.adapters.label_studio.sheets import n_pictures, whole_id, whole_ids, without_parts
from goldloop.adapters.label_studio.task_list import lookup, sweep
from goldloop.core.annotations import ServerCounts


def count_pictures(server: LabelStudioClient, project_id: int) -> ServerCounts:
    """Return how many pictures the sheets of a project hold, and how many answers to them; it lists all."""
    n_tasks = n_answers = 0
    for row in sweep(server, [project_id], "id,data,total_annotations"):
        n = n_pictures(row["data"])
        n_tasks, n_answers = n_tasks + n, n_answers + n * int(row["total_annotations"] or 0)
    return ServerCounts(n_tasks, n_answers)


def left_with_none(server: LabelStudioClient, project_id: int | None, task_ids: Sequence[int]) -> list[int]:
    """Take pictures off the sheets that keep others; return the ids of tasks that are left with nothing.

    These are the tasks that are no sheets, and the sheets all of whose pictures are among `task_ids`. Without
    a project of sheets no task is one.
    """
    gone = {task_id for task_id in task_ids if whole_id(task_id) == task_id}
    parts = [task_id for task_id in task_ids if task_id not in gone]
    projects = [project_id] if project_id is not None and parts else []
    for row in lookup(server, projects, "id,data", "id", whole_ids(parts)):
        left = without_parts(row, parts)
        if not n_pictures(left):
            gone.add(row["id"])
            continue
        with translated(server.url, f"take pictures off sheet {row['id']}"):
            server.patch(f"/api/tasks/{row['id']}/", {"data": server.keys.sealed_data(left)})
    return sorted(gone)
