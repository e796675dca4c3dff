"""How many different people each task is shown to: the task's own `overlap` on the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.server import translated
from goldloop.adapters.label_studio.task_list import sweep
from goldloop.core.errors import ServiceError

_LOOKUP_IDS = 1000
_ATTEMPTS = 10  # each looks at fewer tasks; answers that fall into just that moment make up to four needed
_FIELDS = (
    "id,overlap,is_labeled,total_annotations,cancelled_annotations,annotations,completed_by,was_cancelled"
)


def set_overlaps(server: LabelStudioClient, projects: Iterable[int], n_answers: Mapping[int, int]) -> None:
    """Give each task, by id, its number of answers; 40 ms of server time for each that has another one yet.

    A changed task says itself whether it is open, as Label Studio would only find out at the next answer.
    Changing a task writes all of it back, counters of its annotations included, so somebody who answers in
    just that moment could be lost from those; hence each change is looked at again.

    Raises:
        ServiceError: the server did not keep what it was told.
    """
    wrong = dict(_wrong(server, projects, n_answers))
    for _ in range(_ATTEMPTS):
        for task_id, fields in wrong.items():
            with translated(server.url, f"ask {n_answers[task_id]} people about task {task_id}"):
                server.patch(f"/api/tasks/{task_id}/", fields)
        if not wrong:
            return
        wrong = dict(_wrong(server, projects, n_answers))
    if not wrong:
        return
    raise ServiceError(
        f"Label Studio at {server.url} does not keep the number of answers of tasks {sorted(wrong)[:5]}; "
        "run this again when fewer people are at work"
    )


def _wrong(
    server: LabelStudioClient, projects: Iterable[int], n_answers: Mapping[int, int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the fields to change of each task that is there and not as it should be."""
    missing = list(n_answers)
    for project_id in projects:
        found: set[int] = set()
        for first in range(0, len(missing), _LOOKUP_IDS):
            part = ("id", "in_list", "Number", missing[first : first + _LOOKUP_IDS])
            for row in sweep(server, project_id, _FIELDS, part, is_full=True):
                if row["id"] in n_answers:
                    found.add(row["id"])
                    wanted = _wanted(row["annotations"], n_answers[row["id"]])
                    if any(row.get(name) != value for name, value in wanted.items()):
                        yield row["id"], wanted
        missing = [task_id for task_id in missing if task_id not in found]


def _wanted(annotations: Sequence[Mapping[str, Any]], n_answers: int) -> dict[str, Any]:
    people = {str(one["completed_by"]) for one in annotations if not one["was_cancelled"]}
    n_skips = sum(bool(one["was_cancelled"]) for one in annotations)
    return {
        "overlap": n_answers,
        "is_labeled": len(people) >= n_answers,
        "total_annotations": len(annotations) - n_skips,
        "cancelled_annotations": n_skips,
    }
