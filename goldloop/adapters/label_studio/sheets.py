"""Sheets on Label Studio: one task for many pictures, which the rest of goldloop knows as a task for each.

Each picture keeps an id, a key, the data of an ordinary task, and of each annotation its own answer: the
suggested label where it was not clicked, and where it was the wish that others look (DEFERRAL).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from goldloop.adapters.label_studio.payload import SEALED, choice_result
from goldloop.adapters.label_studio.task_keys import SAMPLES
from goldloop.core.errors import SelectionError
from goldloop.core.questions import DEFERRAL
from goldloop.core.tasks import NewTask, split_key
from labelstudio_config.sheets import (
    QUESTION_NAME,
    WRONG_NAME,
    picture_html,
    question,
    sheet_guide,
    sheet_interface,
)

PART = 64
"""Pictures of a sheet at most; ids of parts are PART times the sheet's, after FIRST_PART."""

MOST_PICTURES = 30
"""Pictures for which a page of sheets has room."""

FIRST_PART = 2**40
"""The first id of a part; no Label Studio has so many tasks or annotations."""


def sheet_project(n_pictures: int) -> dict[str, Any]:
    """Return the settings of a project of sheets of at most `n_pictures`, each for one annotator."""
    return {
        "label_config": sheet_interface(n_pictures),
        "sampling": "Sequential sampling",
        "skip_queue": "REQUEUE_FOR_OTHERS",
        "show_instruction": False,
        "expert_instruction": sheet_guide(),
        "maximum_annotations": 1,
    }


def whole_ids(ids: Iterable[int]) -> list[int]:
    """Return the ids of the tasks on the server that hold tasks with these ids, each once."""
    return list(dict.fromkeys(map(whole_id, ids)))


def part_id(id_: int, place: int) -> int:
    """Return the id of the picture at `place` of the sheet, or of the annotation of a sheet, with this id."""
    return FIRST_PART + PART * id_ + place


def whole_id(id_: int) -> int:
    """Return the id of the sheet that holds a picture with this id, `id_` itself if that is no part.

    >>> whole_id(part_id(17, 5)), whole_id(17)
    (17, 17)
    """
    return id_ if id_ < FIRST_PART else (id_ - FIRST_PART) // PART


def sheet_payload(payloads: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the import of a sheet from the `task_payload` of each picture, in the order of the page.

    Raises:
        SelectionError: there are no pictures or too many, or they are not all suggested as the same label.
    """
    samples = [dict(payload["data"]) for payload in payloads]
    labels = sorted({str(sample.get("suggested")) for sample in samples})
    if len(labels) != 1 or not 0 < len(samples) <= PART:
        raise SelectionError(
            f"a sheet has 1 to {PART} pictures with one suggested label, got {len(samples)} with {labels}"
        )
    pictures = [
        {"value": str(place), "html": picture_html(sample["image"])}
        for place, sample in enumerate(samples, 1)
    ]
    data = {"key": samples[0]["key"], QUESTION_NAME: question(labels[0])}
    sealed = [payload["meta"].get(SEALED, "") for payload in payloads]
    meta = {SEALED: sealed} if any(sealed) else {}
    return {"data": data | {"pictures": pictures, SAMPLES: samples}, "predictions": [], "meta": meta}


def without_parts(row: Mapping[str, Any], parts: Collection[int]) -> dict[str, Any]:
    """Return the data of the sheet in `row` without the pictures `parts`; the others keep their places."""
    data = row["data"]
    gone = {place for place in range(1, len(data[SAMPLES]) + 1) if part_id(row["id"], place) in parts}
    samples = [None if place in gone else one for place, one in enumerate(data[SAMPLES], 1)]
    shown = [one for one in data.get("pictures") or () if one.get("value") not in set(map(str, gone))]
    return {**data, "pictures": shown, SAMPLES: samples}


def ids_by_key(task_id: int, data: Mapping[str, Any]) -> dict[str, int]:
    """Return the id of each task that the task `task_id` on the server stands for, by key."""
    if not is_sheet(data):
        return {data["key"]: task_id}
    return {sample["key"]: part_id(task_id, place) for place, sample in _samples(data).items()}


def is_on_sheet(key: str) -> bool:
    """Return whether a task with this key is part of a sheet."""
    try:
        return split_key(key)[1].is_on_sheet
    except ValueError:
        return False


def shown_together(tasks: Iterable[NewTask]) -> list[list[NewTask]]:
    """Return `tasks` as the server has them: those of one sheet together, every other one alone."""
    groups: dict[object, list[NewTask]] = {}
    for task in tasks:
        groups.setdefault(("sheet", task.sheet) if task.sheet else task.key, []).append(task)
    return list(groups.values())


def by_whole(barred: Mapping[int, Collection[str]]) -> dict[int, set[str]]:
    """Return who is barred from tasks by the id on the server: from a sheet who is from any of its parts."""
    found: dict[int, set[str]] = {}
    for task_id, annotators in barred.items():
        found.setdefault(whole_id(task_id), set()).update(annotators)
    return found


def n_pictures(data: object) -> int:
    """Return how many tasks the data of a task on the server stand for: one, or the pictures of a sheet."""
    return len(_samples(data)) if is_sheet(data) else 1


def single_tasks(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the task list, those of a sheet as of a task for each picture."""
    for row in rows:
        yield from single_rows(row) if is_sheet(row.get("data")) else [dict(row)]


def sealed_by_id(row: Mapping[str, Any]) -> dict[int, str]:
    """Return the sealed plan of the task in a row, by its id, or that of each picture of a sheet."""
    sealed = (row.get("meta") or {}).get(SEALED)
    if not isinstance(sealed, list):
        return {row["id"]: sealed} if isinstance(sealed, str) else {}
    found = {part_id(row["id"], place): text for place, text in enumerate(sealed, 1)}
    return {id_: text for id_, text in found.items() if isinstance(text, str) and text}


def _samples(data: Any) -> dict[int, dict[str, Any]]:
    """Return the data of each picture of a sheet by its place; one that was taken off has none."""
    return {place: one for place, one in enumerate(data[SAMPLES], 1) if isinstance(one, dict)}


def is_sheet(data: object) -> bool:
    """Return whether the data of a task are those of a sheet."""
    return isinstance(data, Mapping) and isinstance(data.get(SAMPLES), list)


def single_rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row of the task list for each picture of the sheet in `row`, as of an ordinary task.

    An annotation of the sheet becomes one of each picture, with an equal share of its time. A picture that
    the page shows otherwise than it was pushed has other data than an ordinary task, so that no answer to it
    counts, and so it is for all where the question was altered.
    """
    data, rows = row["data"], []
    shown = {one.get("value"): one.get("html") for one in data.get("pictures") or () if isinstance(one, dict)}
    samples, n_ever = _samples(data), len(data[SAMPLES])
    for place, sample in samples.items():
        seen = shown.get(str(place)), data.get(QUESTION_NAME)
        pushed = picture_html(str(sample.get("image"))), question(str(sample.get("suggested")))
        single = sample if seen == pushed else sample | {"altered": list(map(str, seen))}
        given = row.get("annotations", ())
        answers = None
        if given is not None:
            answers = [_single(one, place, sample, n=len(samples), n_ever=n_ever) for one in given]
        rows.append({**row, "id": part_id(row["id"], place), "data": single, "annotations": answers})
    return rows


def _single(raw: Any, place: int, sample: Mapping[str, Any], *, n: int, n_ever: int) -> Any:
    """Return what an annotation of a sheet of `n` pictures, once `n_ever`, says of the one at `place`."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("id"), int):
        return raw
    seconds: Any = raw.get("lead_time")
    is_time = isinstance(seconds, int | float) and isfinite(seconds)
    return {
        **raw,
        "id": part_id(raw["id"], place),
        "lead_time": seconds / n if is_time else seconds,
        "result": _result(raw.get("result"), place, sample, n_ever),
    }


def _result(result: object, place: int, sample: Mapping[str, Any], n_ever: int) -> object:
    """Return the result of the ordinary task that says the same; one that no page gives stays as it is."""
    if not isinstance(result, list):
        return result
    clicked: set[object] = set()
    for region in result:
        value = region.get("value") if isinstance(region, dict) else None
        places = value.get("choices") if isinstance(value, dict) else None
        if not isinstance(places, list) or region.get("from_name") != WRONG_NAME:
            return result
        clicked.update(one if isinstance(one, str) else str(one) for one in places)
    if not clicked <= {str(number) for number in range(1, n_ever + 1)}:
        return result  # a place that the sheet never had: nobody knows what was meant
    return choice_result(DEFERRAL if str(place) in clicked else str(sample.get("suggested")))
