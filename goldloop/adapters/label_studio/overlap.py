"""The number of annotators who answer each task: the task's own `overlap` on the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.server import translated
from goldloop.adapters.label_studio.task_list import sweep
from goldloop.core.errors import ServiceError

_LOOKUP_IDS = 1000
_ATTEMPTS = 10  # each checks fewer tasks; answers given during a change make up to four needed
_FIELDS = (
    "id,overlap,is_labeled,total_annotations,cancelled_annotations,annotations,completed_by,was_cancelled"
)


def set_overlaps(server: LabelStudioClient, projects: Iterable[int], n_answers: Mapping[int, int]) -> None:
    """Set the number of answers of each task, by id; 40 ms of server time for each task that changes.

    The change also sets whether the task is open, which Label Studio would only compute at the next answer.
    Label Studio writes the whole task, so its annotation counters can miss an answer given during the change;
    goldloop therefore checks each change again.

    Raises:
        ServiceError: the server did not keep the numbers.
    """
    wrong = dict(_wrong(server, projects, n_answers))
    for _ in range(_ATTEMPTS):
        for task_id, fields in wrong.items():
            with translated(server.url, f"request {n_answers[task_id]} answers to task {task_id}"):
                server.patch(f"/api/tasks/{task_id}/", fields)
        if not wrong:
            return
        wrong = dict(_wrong(server, projects, n_answers))
    if not wrong:
        return
    raise ServiceError(
        f"Label Studio at {server.url} does not keep the number of answers of tasks {sorted(wrong)[:5]}; "
        "run this again when fewer annotators are working"
    )


def _wrong(
    server: LabelStudioClient, projects: Iterable[int], n_answers: Mapping[int, int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the fields to change of each task on the server whose fields are wrong."""
    missing = list(n_answers)
    for project_id in projects:
        present: set[int] = set()
        for first in range(0, len(missing), _LOOKUP_IDS):
            part = ("id", "in_list", "Number", missing[first : first + _LOOKUP_IDS])
            for row in sweep(server, project_id, _FIELDS, part, is_full=True):
                if row["id"] in n_answers:
                    present.add(row["id"])
                    wanted = _wanted(row["annotations"], n_answers[row["id"]])
                    if any(row.get(name) != value for name, value in wanted.items()):
                        yield row["id"], wanted
        missing = [task_id for task_id in missing if task_id not in present]


def _wanted(annotations: Sequence[Mapping[str, Any]], n_answers: int) -> dict[str, Any]:
    answers = [annotation for annotation in annotations if not annotation["was_cancelled"]]
    annotators = {str(answer["completed_by"]) for answer in answers}
    return {
        "overlap": n_answers,
        "is_labeled": len(annotators) >= n_answers,
        "total_annotations": len(answers),
        "cancelled_annotations": len(annotations) - len(answers),
    }
