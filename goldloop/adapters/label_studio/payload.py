"""Payloads: converts tasks for Label Studio's import, and annotations from its task list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from goldloop.adapters.label_studio.assignment import is_barring
from goldloop.core.annotations import Annotation, TaskState
from goldloop.core.errors import ServiceError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import NewTask, Purpose
from labelstudio_config.interface import FROM_NAME, FULL_HINT, KINDS, NOTE_NAME, REASON_NAME, TO_NAME

TaskData = Callable[[NewTask, Callable[[str], str]], Mapping[str, str]]
"""Returns the fields of a task that hold its sample, such as `goldloop.core.modality.Modality.task_data`."""

SEALED = "goldloop"
"""Field of a task's meta that holds its sealed plan."""


def image_data(task: NewTask, link: Callable[[str], str]) -> Mapping[str, str]:
    """Return the fields of a task about an image."""
    return {"image": link(task.path)}


def local_image_url(path: str) -> str:
    """Return the address of an image, by its path in the content store, on Label Studio's own disk.

    Label Studio serves only folders below LOCAL_FILES_DOCUMENT_ROOT, never the root itself; the content store
    is the folder `images` there.
    """
    return f"/data/local-files/?d=images/{quote(path)}"


def choice_result(label: str, to_name: str = TO_NAME) -> list[dict[str, Any]]:
    """Return the `result` of an annotation or prediction that picks `label` for the object `to_name`."""
    return [{"from_name": FROM_NAME, "to_name": to_name, "type": "choices", "value": {"choices": [label]}}]


def task_payload(task: NewTask, task_data: TaskData = image_data) -> dict[str, Any]:
    """Return `task` for the import API, the fields that hold the sample made by `task_data`.

    `data` holds the suggestion too, because it comes with the task at no cost; predictions take five times as
    long to list, and an import can lose them. A blind task has neither. Only a full review has a hint without
    a suggestion: audits and rechecks have none, so that they look alike.
    """
    suggestion = task.suggestion
    data: dict[str, Any] = {
        "key": task.key,
        "batch": task.batch,
        **task_data(task, local_image_url),
        "hint": FULL_HINT if task.purpose is Purpose.FULL else "",
    }
    if task.purpose is Purpose.ADJUDICATION:
        data["answers"] = counted(task.answers)
    meta = {SEALED: task.sealed} if task.sealed else {}
    if suggestion is None:
        return {"data": data, "predictions": [], "meta": meta}
    data |= {
        "hint": suggestion.hint,
        "suggested": suggestion.label,
        "suggested_score": suggestion.score,
        "suggested_by": suggestion.model_version,
    }
    return {"data": data, "predictions": [prediction_payload(data)], "meta": meta}


def counted(answers: Mapping[str, int]) -> str:
    """Return the counted answers as text, most frequent label first, ties in the order given."""
    ranked = sorted(answers.items(), key=lambda entry: -entry[1])
    return " · ".join(f"{label} {n}" for label, n in ranked) or "none"


def prediction_payload(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the prediction for a task's `data` with a suggestion."""
    return {
        "model_version": data["suggested_by"],
        "score": data["suggested_score"],
        "result": choice_result(data["suggested"], next(kind for kind in KINDS if kind in data)),
    }


def chosen_labels(result: object) -> set[str]:
    """Return every label that `result` picks, also outside the label set."""
    return set(_values(result, FROM_NAME, "choices"))


def read_result(result: object, labels: LabelSet) -> tuple[str | None, str | None]:
    """Return (label, None), or (None, problem) when `result` is not one label of the label set.

    Label Studio accepts any result over its API, and keeps answers whose label was removed since.
    """
    controls = {str(region.get("from_name")) for region in _regions(result)}
    if FROM_NAME not in controls:
        others = f", only from {sorted(controls)}" if controls else ""
        return None, f"no answer from the control {FROM_NAME!r}{others}"
    chosen = sorted(chosen_labels(result))
    if len(chosen) != 1:
        return None, f"{len(chosen)} labels chosen in place of one: {chosen}"
    label = labels.find(chosen[0])
    return label, None if label else f"label {chosen[0]!r} is not in the label set"


def _read_reason(result: object) -> str | None:
    """Return the picked reasons, then the written note, or None without either."""
    given = [*_values(result, REASON_NAME, "choices"), *_values(result, NOTE_NAME, "text")]
    return "; ".join(filter(None, (" ".join(text.split()) for text in given))) or None


def _values(result: object, control: str, kind: str) -> list[str]:
    """Return the values of a control; `kind` is "choices" or "text"."""
    values = [region.get("value") for region in _regions(result) if region.get("from_name") == control]
    return [str(given) for value in values if isinstance(value, dict) for given in value.get(kind) or []]


def _regions(result: object) -> list[dict[str, Any]]:
    return [region for region in result if isinstance(region, dict)] if isinstance(result, list) else []


def read_tasks(rows: Sequence[Mapping[str, Any]], labels: LabelSet) -> list[TaskState]:
    """Return a page of the task list; a task that goldloop did not push has no key and is left out."""
    states = []
    for row in rows:
        key = row["data"].get("key")
        if not isinstance(key, str):
            continue
        try:
            given = [raw for raw in row["annotations"] if not is_barring(raw)]
            annotations = [_read_annotation(raw, row["data"], labels) for raw in given]
        except (KeyError, TypeError, ValueError) as error:
            raise ServiceError(
                f"Label Studio lists task {row['id']} with an annotation that cannot be read "
                f"({type(error).__name__}: {error}); correct or delete it there, then pull again"
            ) from error
        annotations.sort(key=lambda annotation: annotation.annotation_id)
        states.append(TaskState(row["id"], key, row["updated_at"], tuple(annotations)))
    return states


def _read_annotation(raw: Mapping[str, Any], data: Mapping[str, Any], labels: LabelSet) -> Annotation:
    """Return one annotation of the task list; `data` is that of its task.

    The annotator's name is the user id; an e-mail address is private and may change. Only a skip and an
    adjudicator's answer have a reason; an answer that was a skip before loses its reason.
    """
    is_skip = bool(raw["was_cancelled"])
    label, problem = (None, None) if is_skip else read_result(raw["result"], labels)
    score = data.get("suggested_score")
    lead_time = raw.get("lead_time")
    return Annotation(
        annotation_id=int(raw["id"]),
        annotator=str(raw["completed_by"]),
        label=label,
        is_skip=is_skip,
        created_at=datetime.fromisoformat(raw["created_at"]),
        updated_at=datetime.fromisoformat(raw["updated_at"]),
        lead_time_s=None if lead_time is None else float(lead_time),
        problem=problem,
        reason=_read_reason(raw["result"]) if is_skip or "answers" in data else None,
        shown_label=data.get("suggested"),
        shown_score=None if score is None else float(score),
        shown_model_version=data.get("suggested_by"),
    )
