"""Payloads: converts tasks for Label Studio's import, and annotations from its task list."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from math import isfinite
from typing import Any, Protocol
from urllib.parse import quote

from goldloop.adapters.label_studio.assignment import is_barring
from goldloop.core.annotations import NO_GROUNDS, Annotation, Grounds, TaskState
from goldloop.core.labels import LabelSet
from goldloop.core.questions import DEFERRAL
from goldloop.core.tasks import NewTask, Purpose
from labelstudio_config.grounds import SEVERITY_NAME, SPAN_NAME, rule_name
from labelstudio_config.interface import (
    APPEAL_HINT,
    FROM_NAME,
    FULL_HINT,
    KINDS,
    NOTE_NAME,
    REASON_NAME,
    TO_NAME,
)

_MOST_CHARS = 300  # of what an annotation holds, in a sentence about its problem
_MOST_REASON_CHARS = 5000
_MOST_SPANS = 100

TaskData = Callable[[NewTask, Callable[[str], str]], Mapping[str, str]]
"""Returns the fields of a task that hold its sample, such as `goldloop.core.modality.Modality.task_data`."""

_HINTS = {Purpose.FULL: FULL_HINT, Purpose.APPEAL: APPEAL_HINT}

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


class ServedContent(Protocol):
    """Where the server's users find the content of samples."""

    def link(self, path: str) -> str:
        """Return the address, in the data of a task, of a path of the content store."""

    def publish(self, paths: Collection[str]) -> None:
        """Bring the content at these paths to where the addresses lead, before a task has them."""


class LocalContent:
    """The content store as a folder of Label Studio's own machine. Satisfies `ServedContent`."""

    def link(self, path: str) -> str:
        """Return the address on Label Studio's own disk."""
        return local_image_url(path)

    def publish(self, paths: Collection[str]) -> None:
        """Do nothing: the content is there."""


def choice_result(label: str, to_name: str = TO_NAME) -> list[dict[str, Any]]:
    """Return the `result` of an annotation or prediction that picks `label` for the object `to_name`."""
    return [{"from_name": FROM_NAME, "to_name": to_name, "type": "choices", "value": {"choices": [label]}}]


def task_payload(
    task: NewTask, task_data: TaskData = image_data, link: Callable[[str], str] = local_image_url
) -> dict[str, Any]:
    """Return `task` for the import API, the fields that hold the sample made by `task_data` and `link`.

    `data` holds the suggestion too, because it comes with the task at no cost; predictions take five times as
    long to list, and an import can lose them. A blind task has neither. Only a full review has a hint without
    a suggestion: audits and rechecks have none, so that they look alike. An appeal has the author's words.
    """
    suggestion = task.suggestion
    data: dict[str, Any] = {
        "key": task.key,
        "batch": task.batch,
        **task_data(task, link),
        "hint": _HINTS.get(task.purpose, "").format(words=task.words),
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


def content_digest(data: Mapping[str, Any]) -> str:
    """Return the digest of a task's `data`, whatever the order of its fields."""
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


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
    return {value for value in _values(result, FROM_NAME, "choices") if isinstance(value, str)}


def read_result(result: object, labels: LabelSet) -> tuple[str | None, str | None]:
    """Return (label, None), or (None, problem) when `result` is not one label of the label set.

    Label Studio accepts any result over its API, and keeps answers whose label was removed since.
    """
    controls = {str(region.get("from_name")) for region in _regions(result)}
    if FROM_NAME not in controls:
        others = f", only from {sorted(controls)}" if controls else ""
        return None, _short(f"no answer from the control {FROM_NAME!r}{others}")
    unreadable = [value for value in _values(result, FROM_NAME, "choices") if not isinstance(value, str)]
    if unreadable:
        return None, _short(f"choices that cannot be read as labels: {unreadable[0]!r}")
    chosen = sorted(chosen_labels(result))
    if len(chosen) != 1:
        return None, _short(f"{len(chosen)} labels chosen in place of one: {chosen}")
    label = labels.find(chosen[0])
    return label, None if label else _short(f"label {chosen[0]!r} is not in the label set")


def _read_reason(result: object) -> str | None:
    """Return the picked reasons, or None without any."""
    return _joined(_values(result, REASON_NAME, "choices"))


def _read_grounds(result: object, label: str | None, acceptable: str | None) -> Grounds | None:
    """Return what stands beside `label` in a result, or None where nothing does.

    The page still sends what was chosen beside another label before: a rule counts if it is one of this
    label, and a severity if this label is not the `acceptable` one.
    """
    is_severe = label not in (None, acceptable)
    given = Grounds(
        severity=_joined(_values(result, SEVERITY_NAME, "choices")) if is_severe else None,
        rule=_joined(_values(result, rule_name(label), "choices")) if label else None,
        spans=tuple(filter(None, (_joined([text]) for text in _spans(result)))),
        note=_joined(_values(result, NOTE_NAME, "text")),
    )
    return None if given == NO_GROUNDS else given


def _spans(result: object) -> list[object]:
    """Return the texts of the marked parts."""
    marked = [region for region in _regions(result) if region.get("from_name") == SPAN_NAME]
    values = [region["value"] for region in marked if isinstance(region.get("value"), dict)]
    return [value.get("text") for value in values[:_MOST_SPANS]]


def _joined(given: Sequence[object]) -> str | None:
    """Return the texts of `given`, one behind the other, or None where there are none."""
    texts = (" ".join(value.split()) for value in given if isinstance(value, str))
    return _storable("; ".join(filter(None, texts)))[:_MOST_REASON_CHARS] or None


def _values(result: object, control: str, kind: str) -> list[object]:
    """Return the values of a control; `kind` is "choices" or "text". What is no list is one value itself."""
    found: list[object] = []
    for region in _regions(result):
        value = region.get("value")
        if region.get("from_name") == control and isinstance(value, dict) and value.get(kind) is not None:
            given = value[kind]
            found += given if isinstance(given, list) else [given] if kind == "text" else [[given]]
    return found


def _regions(result: object) -> list[dict[str, Any]]:
    return [region for region in result if isinstance(region, dict)] if isinstance(result, list) else []


def _storable(text: str) -> str:
    """Return `text` without the half characters that JSON can write and no table can hold."""
    return text.encode("utf-8", "replace").decode()


def _short(text: str) -> str:
    return _storable(text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}...")


def read_tasks(
    rows: Sequence[Mapping[str, Any]], labels: LabelSet, acceptable: str | None = None
) -> list[TaskState]:
    """Return a page of the task list; the key of a task that goldloop did not push may be "".

    The `acceptable` label of texts needs no severity, see `goldloop.core.questions.Questions`.

    An annotation that cannot be read becomes one with a problem, so that the others of the page count.
    """
    states = []
    for row in rows:
        data = row["data"] if isinstance(row["data"], Mapping) else {}
        annotations = [
            _read_annotation(raw, data, labels, acceptable)
            for raw in row["annotations"] or ()
            if isinstance(raw, Mapping) and isinstance(raw.get("id"), int) and not is_barring(raw)
        ]
        annotations.sort(key=lambda annotation: annotation.annotation_id)
        key = _text(data.get("key")) or ""
        content, is_listed = content_digest(data), row["annotations"] is not None
        states.append(TaskState(row["id"], key, row["updated_at"], tuple(annotations), content, is_listed))
    return states


def _read_annotation(
    raw: Mapping[str, Any], data: Mapping[str, Any], labels: LabelSet, acceptable: str | None
) -> Annotation:
    """Return one annotation of the task list; `data` is that of its task.

    The annotator's name is the user id; an e-mail address is private and may change. The annotator is the
    account that saved the annotation last, because any account can create one under another's name. Label
    Studio names no such account for imported annotations and for those of "Create Annotations From
    Predictions", and none for deleted accounts.
    """
    is_skip = bool(raw.get("was_cancelled"))
    result = raw.get("result")
    is_deferred = chosen_labels(result) == {DEFERRAL} and DEFERRAL not in labels
    label, problem = (None, None) if is_skip or is_deferred else read_result(result, labels)
    author, saver = _account(raw.get("completed_by")), _account(raw.get("updated_by"))
    return Annotation(
        annotation_id=raw["id"],
        annotator=saver or author,
        label=label,
        is_skip=is_skip,
        created_at=datetime.fromisoformat(raw["created_at"]),
        updated_at=datetime.fromisoformat(raw["updated_at"]),
        lead_time_s=_number(raw.get("lead_time")),
        problem=problem,
        reason=DEFERRAL if is_deferred and not is_skip else _read_reason(result),
        shown_label=_text(data.get("suggested")),
        shown_score=_number(data.get("suggested_score")),
        shown_model_version=_text(data.get("suggested_by")),
        server_author=author,
        is_bulk=saver is None and (author is not None or raw.get("import_id") is not None),
        grounds=_read_grounds(result, label, acceptable),
    )


def _account(value: object) -> str | None:
    """Return an account's id, which some lists tell with its particulars."""
    value = value.get("id") if isinstance(value, Mapping) else value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    """Return a number; None for what is none, such as nan, or too large for one, which JSON can write."""
    try:
        return float(value) if isinstance(value, int | float) and isfinite(value) else None
    except OverflowError:
        return None


def _text(value: object) -> str | None:
    return _storable(value) if isinstance(value, str) else None
