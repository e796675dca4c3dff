"""Who gets a task: how many annotators, and who is barred because they have answered the sample before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.adapters.label_studio.task_list import lookup
from goldloop.core.errors import ServiceError
from labelstudio_config.interface import REASON_NAME, TO_NAME
from labelstudio_config.sheets import QUESTION_NAME, WRONG_NAME

OVERLAPS = "/api/goldloop/overlaps/"  # goldloop.services.label_studio_server has it
_AT_ONCE = 500  # tasks in one request
_ATTEMPTS = 10  # answers given during a change make up to four needed
_FIELDS = (
    "id,overlap,is_labeled,total_annotations,cancelled_annotations,annotations,completed_by,was_cancelled"
)
_MARK = "asked before (set by goldloop)"


def _barred(control: str, about: str) -> list[dict[str, Any]]:
    return [{"from_name": control, "to_name": about, "type": "choices", "value": {"choices": [_MARK]}}]


_BARRED, _BARRED_ON_SHEET = _barred(REASON_NAME, TO_NAME), _barred(WRONG_NAME, QUESTION_NAME)
"""Results by controls that the pages have: Label Studio refuses a page without those of its answers."""


def set_overlaps(
    server: LabelStudioClient, projects: Iterable[int], n_answers: Mapping[int, int | None]
) -> None:
    """Set the number of answers of each task, by id; None keeps the number and opens the task.

    The change also sets whether the task is open, which Label Studio would only compute at the next answer.
    The embedded server changes many tasks in one request. Another takes 40 ms for each task; it writes the
    whole task, so its annotation counters can miss an answer given during the change, and goldloop checks
    each change again.

    Raises:
        ServiceError: the server did not keep the numbers.
    """
    if n_answers and not _set_at_once(server, n_answers):
        _set_one_by_one(server, projects, n_answers)


def _set_at_once(server: LabelStudioClient, n_answers: Mapping[int, int | None]) -> bool:
    """Set the numbers by goldloop's own address of the embedded server; return False where there is none."""
    numbers = [(str(task_id), n) for task_id, n in n_answers.items()]
    for first in range(0, len(numbers), _AT_ONCE):
        part = dict(numbers[first : first + _AT_ONCE])
        with translated(server.url, f"request answers to {len(part)} tasks"):
            reply = server.post_if_there(OVERLAPS, part)
            if reply is None:
                return False
            int(reply["changed"])  # else it is another server's
    return True


def _set_one_by_one(
    server: LabelStudioClient, projects: Iterable[int], n_answers: Mapping[int, int | None]
) -> None:
    wrong = dict(_wrong(server, projects, n_answers))
    for _ in range(_ATTEMPTS):
        if not wrong:
            return
        for task_id, fields in wrong.items():
            with translated(server.url, f"request {fields['overlap']} answers to task {task_id}"):
                server.patch(f"/api/tasks/{task_id}/", fields)
        wrong = dict(_wrong(server, projects, n_answers))
    if wrong:
        raise ServiceError(
            f"Label Studio at {server.url} does not keep the number of answers of tasks {sorted(wrong)[:5]}; "
            "run this again when fewer annotators are working"
        )


def _wrong(
    server: LabelStudioClient, projects: Iterable[int], n_answers: Mapping[int, int | None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the fields to change of each task on the server whose fields are wrong."""
    for row in lookup(server, projects, _FIELDS, "id", list(n_answers), is_full=True):
        if row["annotations"] is None:
            continue
        wanted = _wanted(row["annotations"], n_answers[row["id"]] or int(row["overlap"]))
        if any(row.get(name) != value for name, value in wanted.items()):
            yield row["id"], wanted


def _wanted(annotations: Sequence[Mapping[str, Any]], n_answers: int) -> dict[str, Any]:
    answers = [annotation for annotation in annotations if not annotation["was_cancelled"]]
    annotators = {str(answer["completed_by"]) for answer in answers}
    return {
        "overlap": n_answers,
        "is_labeled": len(annotators) >= n_answers,
        "total_annotations": len(answers),
        "cancelled_annotations": len(annotations) - len(answers),
    }


def known_accounts(server: LabelStudioClient) -> set[str]:
    """Return the user ids of all accounts; a deleted account needs no barring."""
    with translated(server.url, "list the accounts"):
        return {str(account["id"]) for account in server.get("/api/users/")}


def barring(annotator: str, *, on_sheet: bool = False) -> dict[str, Any]:
    """Return the annotation that bars an annotator from a task, or from a sheet.

    Label Studio never gives a task to an annotator who has an annotation or a skip on it. So the annotation
    is a skip, with a mark that keeps it from being read as an answer.
    """
    return {
        "result": _BARRED_ON_SHEET if on_sheet else _BARRED,
        "was_cancelled": True,
        "completed_by": int(annotator),
        "lead_time": 0,
        "ground_truth": False,
    }


def bar(
    server: LabelStudioClient,
    projects: Iterable[int],
    barred: Mapping[int, Collection[str]],
    *,
    on_sheet: bool = False,
) -> None:
    """Bar annotators, by task id, from tasks or sheets on the server, and open these to all others.

    The skips come with the import of a task. An import counts them as answers and closes the task, so a push
    that is killed before this call leaves a task that nobody gets. Who is barred already, or has answered,
    stays so. On a server that is not embedded it costs 40 ms of server time for each closed task; everywhere
    60 ms for each annotator to be barred.
    """
    wanted = {task_id: set(annotators) for task_id, annotators in barred.items() if annotators}
    if not wanted:
        return
    accounts = known_accounts(server)
    for row in list(lookup(server, projects, _FIELDS, "id", list(wanted), is_full=True)):
        present = {str(annotation["completed_by"]) for annotation in row["annotations"] or ()}
        for annotator in sorted((wanted[row["id"]] & accounts) - present):
            with translated(server.url, f"bar annotator {annotator} from task {row['id']}"):
                server.post(f"/api/tasks/{row['id']}/annotations/", barring(annotator, on_sheet=on_sheet))
    set_overlaps(server, projects, dict.fromkeys(wanted))


def is_barring(annotation: Mapping[str, Any]) -> bool:
    """Return whether an annotation of the task list only bars its annotator, who cannot have saved it."""
    marks = (_BARRED, _BARRED_ON_SHEET)
    is_marked = bool(annotation.get("was_cancelled")) and annotation.get("result") in marks
    return is_marked and annotation.get("updated_by") != annotation.get("completed_by")
