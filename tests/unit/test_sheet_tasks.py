"""A sheet is one task on Label Studio, and a task for each of its pictures everywhere else."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from goldloop.adapters.label_studio.payload import content_digest, read_tasks, task_payload
from goldloop.adapters.label_studio.sheets import (
    is_sheet,
    sheet_payload,
    sheet_project,
    single_rows,
    whole_id,
)
from goldloop.core.annotations import AnnotationStatus, TaskState
from goldloop.core.errors import SelectionError
from goldloop.core.labels import LabelSet
from goldloop.core.questions import DEFERRAL
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose, Suggestion
from labelstudio_config.sheets import WRONG_NAME, question, sheet_interface

LABELS = LabelSet.of(["dress", "hat"])
MOMENT = "2026-11-30T12:00:00Z"


def tasks(n: int = 12, label: str = "dress") -> list[NewTask]:
    """Return the tasks of n pictures, all suggested as `label`."""
    return [
        NewTask(
            SampleId(f"{place:064x}"),
            Purpose.REVIEW,
            BatchId("shop"),
            f'{place}"&.jpg',
            Suggestion(label, 0.96, "3", ""),
        )
        for place in range(n)
    ]


def clicks(*places: str) -> list[dict[str, Any]]:
    """Return the result of a page on which these pictures were clicked."""
    if not places:
        return []
    return [
        {
            "from_name": WRONG_NAME,
            "to_name": "question",
            "type": "choices",
            "value": {"choices": list(places)},
        }
    ]


def annotation(result: object, **changes: Any) -> dict[str, Any]:
    """Return an annotation of the task list."""
    return {
        "id": 5,
        "result": result,
        "was_cancelled": False,
        "lead_time": 12.0,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "completed_by": 7,
        "updated_by": 7,
        "import_id": None,
    } | changes


def row(*annotations: Any, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the sheet of `tasks()` in the task list."""
    pushed = sheet_payload([task_payload(task) for task in tasks()])["data"]
    moment = datetime(2026, 11, 30, 12, tzinfo=UTC)
    return {"id": 17, "data": pushed | (data or {}), "updated_at": moment, "annotations": list(annotations)}


def read(*annotations: Any, data: Mapping[str, Any] | None = None) -> list[TaskState]:
    """Return the states of the pictures."""
    return read_tasks(single_rows(row(*annotations, data=data)), LABELS)


def test_each_picture_has_its_own_answer_with_its_share_of_the_time_and_the_author() -> None:
    """Two of twelve clicked: these ask for others, ten are answered with the suggestion, a second each."""
    states = read(annotation(clicks("2", "12")))

    assert [state.key for state in states] == [task.key for task in tasks()]
    answers = [one for state in states for one in state.annotations]
    clicked = [place for place, one in enumerate(answers, 1) if one.status is AnnotationStatus.DEFERRED]
    assert clicked == [2, 12]
    assert {one.label for one in answers} == {None, "dress"}
    assert {one.reason for one in answers} == {None, DEFERRAL}
    assert {(one.annotator, one.lead_time_s, one.shown_label) for one in answers} == {("7", 1.0, "dress")}


def test_ids_tell_the_pictures_and_their_answers_apart() -> None:
    """No two pictures or answers share an id, and each leads to the sheet."""
    states = read(annotation(clicks()), annotation(clicks("1"), id=6))

    assert len({state.task_id for state in states}) == 12
    assert len({one.annotation_id for state in states for one in state.annotations}) == 24
    assert {whole_id(state.task_id) for state in states} == {17}


def test_nothing_clicked_answers_every_picture() -> None:
    """A sheet without a click is an answer to each picture, not a missing one."""
    assert {one.label for state in read(annotation(clicks())) for one in state.annotations} == {"dress"}


def test_a_skipped_sheet_skips_every_picture() -> None:
    """A skip is no answer to any picture."""
    states = read(annotation([], was_cancelled=True))

    assert {one.status for state in states for one in state.annotations} == {AnnotationStatus.SKIP}


def test_an_edited_sheet_changes_the_pictures_that_were_clicked_since() -> None:
    """The same annotation with another click changes that picture's answer under its old id."""
    before, after = read(annotation(clicks("2"))), read(annotation(clicks("2", "3")))

    changed = [
        place
        for place, (old, new) in enumerate(zip(before, after, strict=True), 1)
        if old.annotations[0].label != new.annotations[0].label
    ]
    assert changed == [3]
    assert before[2].annotations[0].annotation_id == after[2].annotations[0].annotation_id


def test_a_deleted_answer_leaves_every_picture_without_one() -> None:
    """A sheet without annotations is a list of pictures without any."""
    assert [state.annotations for state in read()] == [()] * 12


@pytest.mark.parametrize(
    "result",
    [
        clicks("13"),
        clicks("0", "1"),
        [{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["nothing"]}}],
        [{"from_name": WRONG_NAME, "value": {}}],
        ["1"],
        None,
    ],
)
def test_what_no_page_gives_is_no_answer(result: object) -> None:
    """A place that the sheet lacks, another control, or no list: every picture has an unreadable answer."""
    found = [one for state in read(annotation(result)) for one in state.annotations]

    assert {one.status for one in found} == {AnnotationStatus.INVALID}
    assert all(one.problem for one in found)


def test_a_picture_looks_to_goldloop_as_an_ordinary_task_does() -> None:
    """The digest of what annotators see is that of a task of its own, which the push has recorded."""
    for task, state in zip(tasks(), read(), strict=True):
        assert state.content == content_digest(task_payload(task)["data"])


def test_an_altered_picture_or_question_is_noticed() -> None:
    """Another picture at a place alters that one alone, another question or a missing list all of them."""
    pushed = [content_digest(task_payload(task)["data"]) for task in tasks()]

    def altered(data: Mapping[str, Any]) -> list[int]:
        pairs = zip(read(data=data), pushed, strict=True)
        return [place for place, (state, digest) in enumerate(pairs, 1) if state.content != digest]

    pictures = row()["data"]["pictures"]
    swapped = [*pictures[:3], pictures[3] | {"html": pictures[4]["html"]}, *pictures[4:]]
    assert altered({"pictures": swapped}) == [4]
    assert altered({"pictures": pictures[1:]}) == [1]
    everything = list(range(1, 13))
    assert altered({"question": question("hat")}) == everything
    assert altered({"pictures": None}) == everything


def test_a_sheet_needs_one_label() -> None:
    """Pictures with two suggested labels, or none, are refused."""
    for wrong in ([*tasks(3), *tasks(3, "hat")], []):
        with pytest.raises(SelectionError, match="one suggested label"):
            sheet_payload([task_payload(task) for task in wrong])


def test_a_sheet_is_told_from_an_ordinary_task() -> None:
    """Only the data of a sheet are split."""
    assert is_sheet(row()["data"])
    assert not is_sheet(task_payload(tasks()[0])["data"])
    assert not is_sheet(None)


def test_the_page_is_valid_and_shows_all_pictures_in_rows() -> None:
    """The interface is XML with one control over the pictures of the task; 24 of them stand in three rows."""
    page = sheet_interface(24)

    (control,) = [one for one in ET.fromstring(page).iter() if one.get("name") == WRONG_NAME]
    assert (control.get("value"), control.get("choice"), control.get("toName")) == (
        *("$pictures", "multiple"),
        "question",
    )
    assert "repeat(8," in page
    assert "/ 3 -" in page


def test_a_link_cannot_leave_its_attribute() -> None:
    """A picture whose path has quotes and ampersands stays one picture."""
    pictures = row()["data"]["pictures"]
    assert all(one["html"].count('"') == 6 and "&.jpg" not in one["html"] for one in pictures)


def test_the_guide_of_sheets_names_what_a_person_may_do() -> None:
    """It is HTML that says how to mark, submit and correct, and what is known of some pictures."""
    guide = str(sheet_project(12)["expert_instruction"])

    assert ET.fromstring(f"<div>{guide}</div>") is not None
    for words in (
        "<b>Enter</b>",
        "another click takes the mark away",
        "what you cannot see",
        "known to be wrong",
    ):
        assert words in guide
