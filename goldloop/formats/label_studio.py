"""Label Studio: a list of tasks with annotations, as its JSON and JSON-MIN exports have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goldloop.core.errors import SourceError
from goldloop.formats.gold_export import GoldExport, write_json
from goldloop.formats.labelled import (
    LabelledSample,
    RefusedRow,
    Row,
    file_in,
    moment_of,
    read_json,
    resolved,
    split_of,
    text_of,
)

FILE = "tasks.json"
_IMAGE, _CHOICE = "image", "label"


def write_label_studio(export: GoldExport, target: Path) -> None:
    """Write `tasks.json`, which Label Studio imports; pictures lie in `images` beside it."""
    target.mkdir()
    shown = _IMAGE if export.has_files else "text"
    tasks = []
    for number, one in enumerate(export.samples(target), start=1):
        choice = {
            "from_name": _CHOICE,
            "to_name": shown,
            "type": "choices",
            "value": {"choices": [one.label]},
        }
        data = {_IMAGE: one.file} if one.file else dict(one.fields)
        tasks.append(
            {
                "id": number,
                "data": data,
                "annotations": [{"result": [choice], "created_at": one.facts["labelled_at"]}],
                "meta": {"goldloop": one.facts},
            }
        )
    write_json(target / FILE, tasks)


def read_label_studio(source: Path) -> Iterator[Row]:
    """Yield a sample for each annotation of a JSON or JSON-MIN export, or of `tasks.json` in a folder.

    Raises:
        SourceError: it cannot be read, or is no list of tasks.
    """
    path = file_in(source, (FILE, "result.json"))
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise SourceError(
            f"{path} is a JSON {type(tasks).__name__}, not a list of tasks; export JSON or JSON-MIN"
        )
    for number, task in enumerate(tasks, start=1):
        place = f"{path.name}, task {task.get('id', number) if isinstance(task, dict) else number}"
        if not isinstance(task, dict):
            yield RefusedRow(place, f"it is {task!r:.40}, not an object; correct it")
        elif isinstance(task.get("data"), dict):
            yield from _of_task(place, task, path.parent)
        else:
            yield _of_flat(place, task, path.parent)


def _of_task(place: str, task: Mapping[str, Any], folder: Path) -> Iterator[Row]:
    """Yield what each annotation of a task says; skips are none."""
    given = task.get("annotations") or task.get("completions") or []
    annotations = [one for one in given if isinstance(one, dict) and not one.get("was_cancelled")]
    if not annotations:
        yield RefusedRow(place, "it has no annotation; label the task, or remove it")
    for annotation in annotations:
        choices = [
            choice
            for result in annotation.get("result") or []
            if isinstance(result, dict) and result.get("type") in ("choices", "taxonomy")
            for choice in (result.get("value") or {}).get("choices") or []
        ]
        facts = (task.get("meta") or {}).get("goldloop") or {}
        by = annotation.get("completed_by")
        yield _sample(
            place,
            task["data"],
            folder,
            choices=choices,
            annotator=by.get("email") or by.get("id") if isinstance(by, dict) else by,
            at=annotation.get("created_at"),
            facts=facts if isinstance(facts, dict) else {},
        )


def _of_flat(place: str, task: Mapping[str, Any], folder: Path) -> Row:
    """Return what a task of JSON-MIN says: data and choice stand beside each other."""
    given = task.get(_CHOICE, task.get("choice"))
    choices = given.get("choices", []) if isinstance(given, dict) else given
    return _sample(
        place,
        task,
        folder,
        choices=choices if isinstance(choices, list) else [choices] if choices else [],
        annotator=task.get("annotator"),
        at=task.get("created_at"),
        facts={},
    )


def _sample(
    place: str,
    data: Mapping[str, Any],
    folder: Path,
    *,
    choices: list[Any],
    annotator: Any,
    at: Any,
    facts: Mapping[str, Any],
) -> Row:
    if len(choices) != 1:
        return RefusedRow(
            place, f"it has {len(choices)} choices: {choices!r:.60}; goldloop takes one label each"
        )
    picture = text_of(data.get(_IMAGE))
    return LabelledSample(
        place=place,
        label=str(choices[0]),
        sample_id=facts.get("sample_id"),
        file=resolved(picture, folder) if picture else None,
        fields=data,
        split=split_of(facts.get("split") or data.get("split")),
        annotator=text_of(annotator),
        labelled_at=moment_of(at),
    )
