"""Sheets on Label Studio: one task for many pictures, which the rest of goldloop knows as a task for each.

Each picture keeps an id, a key, the data of an ordinary task, and of each annotation its own answer: the
suggested label where it was not clicked, and where it was the wish that others look (DEFERRAL).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from goldloop.adapters.label_studio.payload import choice_result
from goldloop.core.errors import SelectionError
from goldloop.core.questions import DEFERRAL
from labelstudio_config.sheets import QUESTION_NAME, WRONG_NAME, picture_html, question, sheet_interface

PART = 64
"""Pictures of a sheet at most; ids of parts are PART times the sheet's, after FIRST_PART."""

FIRST_PART = 2**40
"""The first id of a part; no Label Studio has so many tasks or annotations."""


def sheet_project(n_pictures: int) -> dict[str, Any]:
    """Return the settings of a project of sheets of at most `n_pictures`, each for one annotator."""
    return {
        "label_config": sheet_interface(n_pictures),
        "sampling": "Sequential sampling",
        "skip_queue": "REQUEUE_FOR_OTHERS",
        "show_instruction": False,
        "maximum_annotations": 1,
    }


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
    return {"data": data | {"pictures": pictures, "samples": samples}, "predictions": [], "meta": {}}


def is_sheet(data: object) -> bool:
    """Return whether the data of a task are those of a sheet."""
    return isinstance(data, Mapping) and isinstance(data.get("samples"), list)


def single_rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row of the task list for each picture of the sheet in `row`, as of an ordinary task.

    An annotation of the sheet becomes one of each picture, with an equal share of its time. A picture that
    the page shows otherwise than it was pushed has other data than an ordinary task, so that no answer to it
    counts, and so it is for all where the question was altered.
    """
    data, rows = row["data"], []
    shown = {one.get("value"): one.get("html") for one in data.get("pictures") or () if isinstance(one, dict)}
    samples = [sample for sample in data["samples"] if isinstance(sample, dict)]
    for place, sample in enumerate(samples, 1):
        seen = shown.get(str(place)), data.get(QUESTION_NAME)
        pushed = picture_html(str(sample.get("image"))), question(str(sample.get("suggested")))
        single = sample if seen == pushed else sample | {"altered": list(map(str, seen))}
        given = row["annotations"]
        answers = None if given is None else [_single(one, place, sample, len(samples)) for one in given]
        rows.append({**row, "id": part_id(row["id"], place), "data": single, "annotations": answers})
    return rows


def _single(raw: Any, place: int, sample: Mapping[str, Any], n: int) -> Any:
    """Return what an annotation of a sheet of `n` pictures says of the one at `place`."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("id"), int):
        return raw
    seconds: Any = raw.get("lead_time")
    is_time = isinstance(seconds, int | float) and isfinite(seconds)
    return {
        **raw,
        "id": part_id(raw["id"], place),
        "lead_time": seconds / n if is_time else seconds,
        "result": _result(raw.get("result"), place, sample, n),
    }


def _result(result: object, place: int, sample: Mapping[str, Any], n: int) -> object:
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
    if not clicked <= {str(number) for number in range(1, n + 1)}:
        return result  # a place that the sheet does not have: nobody knows what was meant
    return choice_result(DEFERRAL if str(place) in clicked else str(sample.get("suggested")))
