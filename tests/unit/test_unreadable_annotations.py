"""Annotations that cannot be read: each is its own problem, and the rest of the page counts."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from typing import Any

import pytest

from goldloop.adapters.label_studio.payload import choice_result, read_tasks
from goldloop.core.annotations import AnnotationStatus, Grounds, StoredAnnotation
from goldloop.core.labels import LabelSet
from goldloop.tables import codec, schema
from labelstudio_config.grounds import SEVERITY_NAME, SPAN_NAME, rule_name
from labelstudio_config.interface import NOTE_NAME, REASON_NAME

LABELS = LabelSet.of(["cat", "dog", "5"])
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def region(value: object, from_name: object = "label") -> dict[str, object]:
    """Return one region of a result."""
    return {"from_name": from_name, "to_name": "image", "type": "choices", "value": value}


def raw(annotation_id: int, result: object, **changes: Any) -> dict[str, Any]:
    """Return an annotation as the server lists it."""
    at = NOW.isoformat()
    return {
        "id": annotation_id,
        "result": result,
        "completed_by": 2,
        "updated_by": 2,
        "was_cancelled": False,
        "created_at": at,
        "updated_at": at,
        "lead_time": 2.0,
        **changes,
    }


def row(*annotations: object, **data: object) -> dict[str, Any]:
    """Return a task as the server lists it."""
    return {"id": 1, "updated_at": NOW, "data": {"key": "k", **data}, "annotations": list(annotations)}


@pytest.mark.parametrize(
    "result",
    [
        [region({"choices": 5})],
        [region({"choices": [5]})],
        [region({"choices": "cat"})],
        [region({"choices": True})],
        [region({"choices": {"cat": 1}})],
        [region({"choices": [["cat"]]})],
        [region({"choices": [{"cat": 1}]})],
        [region({"choices": ["cat", 5]})],
        [region({"choices": ["\ud800"]})],
        [region({"choices": ["cat" * 10_000]})],
        [region({"choices": [f"{number}" for number in range(10_000)]})],
        [region(5)],
        [region({"choices": ["cat"]}, from_name=["label"])],
        [5, None, "cat", []],
        5,
        {"a": 1},
    ],
)
def test_an_unreadable_annotation_does_not_stop_the_others(result: object) -> None:
    """It has a problem, short enough to print, and both annotations can be stored."""
    (state,) = read_tasks([row(raw(1, result), raw(2, choice_result("cat")))], LABELS)

    bad, good = state.annotations
    assert (bad.status, bad.label, good.label) == (AnnotationStatus.INVALID, None, "cat")
    assert bad.problem
    assert len(bad.problem) < 400
    stored = [StoredAnnotation.of(state, annotation) for annotation in state.annotations]
    table = schema.as_table("annotations", codec.rows_of(stored))
    assert codec.values_of(StoredAnnotation, table) == stored


@pytest.mark.parametrize(
    "value", [5, None, [], {"a": 1}, "\ud800", True, 10**400, float("nan"), float("inf")]
)
def test_data_that_was_changed_to_other_types_stops_nothing(value: object) -> None:
    """What the task showed, and reasons, come from the server as anything that JSON knows."""
    changed = dict.fromkeys(("suggested", "suggested_score", "suggested_by", "answers"), value)
    notes = [region({"choices": value}, REASON_NAME), region({"text": value}, NOTE_NAME)]
    notes += [region({"choices": value}, name) for name in (SEVERITY_NAME, rule_name("cat"))]
    notes += [region({"text": value}, SPAN_NAME), region(value, SPAN_NAME)]

    (state,) = read_tasks([row(raw(1, [*choice_result("cat"), *notes]), **changed)], LABELS)

    stored = [StoredAnnotation.of(state, annotation) for annotation in state.annotations]
    assert [annotation.label for annotation in stored] == ["cat"]
    assert all(row.shown_score is None or isfinite(row.shown_score) for row in stored)
    assert len(schema.as_table("annotations", codec.rows_of(stored))) == 1


def test_what_is_no_annotation_is_left_out_and_a_task_without_a_key_has_none() -> None:
    """The key may be gone because somebody changed the data."""
    rows = [row(5, None, {"id": "x"}), {**row(), "data": ["key"]}, {**row(), "data": {"key": 5}}]

    states = read_tasks(rows, LABELS)

    assert [(state.key, state.annotations) for state in states] == [("k", ()), ("", ()), ("", ())]


def test_grounds_beside_another_label_are_left_out() -> None:
    """A page may still send what was chosen beside a label before, such as its rule."""
    regions = [region({"choices": ["mild"]}, SEVERITY_NAME), region({"choices": ["D1"]}, rule_name("dog"))]

    answers = [raw(n, [*choice_result(label), *regions]) for n, label in enumerate(("cat", "dog"))]
    (state,) = read_tasks([row(*answers)], LABELS, "cat")

    assert [one.grounds for one in state.annotations] == [None, Grounds("mild", "D1")]
