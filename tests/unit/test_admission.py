"""Admission: answers without a look and answers of unknown authors never vote, and are asked again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from goldloop.annotators.report import annotator_report
from goldloop.consensus.admission import BULK_N, MIN_GLANCE_S, MIN_LOOK_S, Refusal, admit
from goldloop.core.annotations import AnnotationStatus, StoredAnnotation
from goldloop.core.tasks import Purpose
from goldloop.labeling.summary import summary_of
from goldloop.reports.annotators import refused_sections
from goldloop.reports.section import markdown
from goldloop.reports.status import read_status
from goldloop.reports.steps import pull_rows
from goldloop.settings.sections import SelectionSettings
from tests.loop import Loop, texts
from tests.memory_texts import LABELS
from tests.unit.labeling_loop import always, gold_by_sample, pushed
from tests.unit.test_annotator_section import START


def one_answer_each(tmp_path: Path, n: int = 20) -> Loop:
    """Return a loop in which one answer makes gold."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=n))
    loop.score()
    loop.push()
    return loop


def stored(annotation_id: int, **changes: Any) -> StoredAnnotation:
    """Return an honest answer, with `changes`."""
    at = START + timedelta(seconds=10 * annotation_id)
    fields = {
        "annotation_id": annotation_id,
        "task_id": annotation_id,
        "key": f"{annotation_id:064x}:{Purpose.AUDIT}",
        "annotator": "1",
        "status": AnnotationStatus.ANSWER,
        "label": "ham",
        "problem": None,
        "reason": None,
        "lead_time_s": 2.0,
        "created_at": at,
        "updated_at": at,
        "task_updated_at": at,
        "shown_label": None,
        "shown_score": None,
        "shown_model_version": None,
        "server_author": "1",
        "is_bulk": False,
    }
    return StoredAnnotation(**fields | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        ({"lead_time_s": MIN_LOOK_S}, None),
        ({"lead_time_s": 216_000.0}, None),
        ({"server_author": None, "is_bulk": None}, None),
        ({"server_author": "2"}, None),
        ({"lead_time_s": None}, Refusal.UNTIMED),
        ({"lead_time_s": 0.0}, Refusal.UNTIMED),
        ({"lead_time_s": -3.0}, Refusal.UNTIMED),
        ({"lead_time_s": float("nan")}, Refusal.UNTIMED),
        ({"lead_time_s": 0.05}, Refusal.RUSHED),
        ({"is_bulk": True}, Refusal.BULK),
        ({"annotator": None, "server_author": None}, Refusal.UNKNOWN),
        ({"annotator": "None", "server_author": None, "is_bulk": None}, Refusal.UNKNOWN),
        ({"label": "eggs"}, Refusal.INVALID),
        ({"label": None, "status": AnnotationStatus.INVALID, "problem": "no answer"}, Refusal.INVALID),
        ({"label": None, "status": AnnotationStatus.SKIP, "lead_time_s": None}, None),
        ({"label": None, "status": AnnotationStatus.SKIP, "is_bulk": True}, Refusal.BULK),
    ],
)
def test_an_answer_counts_when_a_known_annotator_gave_it_after_a_look(
    changes: dict[str, Any], refusal: Refusal | None
) -> None:
    """A long look, a skip without a look and rows of an earlier goldloop count."""
    admission = admit([stored(1, **changes)], LABELS)

    assert [entry.refusal for entry in admission.refused] == ([refusal] if refusal else [])
    assert len(admission.admitted) == (refusal is None)


def test_answers_of_one_account_at_one_moment_do_not_count() -> None:
    """Their times may be made up; the same answers of five people at one moment count."""
    at = {"created_at": START, "updated_at": START}
    script = [stored(number, **at) for number in range(BULK_N)]
    crowd = [stored(number, annotator=str(number), **at) for number in range(10, 10 + BULK_N)]
    few = [stored(number, annotator="few", **at) for number in range(20, 20 + BULK_N - 1)]

    admission = admit([*script, *crowd, *few, stored(30)], LABELS)

    assert [entry.annotation for entry in admission.refused] == script
    assert {entry.refusal for entry in admission.refused} == {Refusal.BURST}


def on_sheet(number: int, sheet: int, **changes: Any) -> StoredAnnotation:
    """Return an answer to a picture of a sheet, of which all answers have one moment."""
    at = START + timedelta(milliseconds=sheet)
    purpose = Purpose.PLANTED if number % 12 == 5 else Purpose.SHEET
    fields = {"key": f"{number:064x}:{purpose}", "created_at": at, "updated_at": at, "lead_time_s": 0.4}
    return stored(number, **fields | changes)


def test_a_sheet_is_one_answer_of_one_moment() -> None:
    """Two dozen pictures answered at once are one page; ten pages within a tenth of a second are a script."""
    page = [on_sheet(number, 0) for number in range(24)]
    assert admit(page, LABELS).refused == []

    script = [on_sheet(number, number // 12) for number in range(12 * BULK_N)]
    honest = [on_sheet(number, 60_000) for number in range(1_000, 1_012)]
    admission = admit([*script, *honest], LABELS)
    assert [entry.annotation for entry in admission.refused] == script
    assert {entry.refusal for entry in admission.refused} == {Refusal.BURST}


def test_a_sheet_that_took_no_time_for_a_look_at_each_picture_does_not_count() -> None:
    """The share of the page's time says it; clicks count all the same, as a wish for a closer look."""
    assert admit([on_sheet(1, 0, lead_time_s=MIN_GLANCE_S)], LABELS).refused == []
    quick = [on_sheet(number, 0, lead_time_s=0.04) for number in range(12)]
    assert {entry.refusal for entry in admit(quick, LABELS).refused} == {Refusal.FLASHED}
    click = on_sheet(3, 0, lead_time_s=0.04, label=None, status=AnnotationStatus.DEFERRED)
    assert admit([click], LABELS).admitted == [click]


def test_an_answer_that_shares_only_an_id_with_a_burst_counts() -> None:
    """A new server repeats the ids of the one before."""
    at = START + timedelta(days=1)
    earlier = [stored(number) for number in range(BULK_N)]
    burst = [stored(number, task_id=100 + number, created_at=at) for number in range(BULK_N)]

    admission = admit([*earlier, *burst], LABELS)

    assert list(admission.admitted) == earlier
    assert [entry.annotation for entry in admission.refused] == burst


def test_a_time_that_is_no_number_is_read_once(tmp_path: Path) -> None:
    """It is equal to nothing, itself included; a second pull finds no change."""
    loop = one_answer_each(tmp_path)
    loop.queue.answer(1, "1", "ham", lead_time_s=float("nan"))

    first, second = loop.pull(), loop.pull()

    assert (first.n_new, first.n_refused) == (1, 1)
    assert (second.n_edited, second.n_refused, second.problems) == (0, 0, [])


def test_suggestions_made_answers_in_bulk_never_vote_and_are_listed(tmp_path: Path) -> None:
    """Pull, status and the report on annotators name them; the tasks go to somebody else."""
    loop = one_answer_each(tmp_path)
    suggested = [task_id for task_id, task in loop.queue.tasks.items() if task.pushed.suggestion]
    loop.queue.accept_suggestions(suggested, "7")

    report = loop.pull()

    assert loop.gold.records() == []
    assert report.n_refused == len(suggested) > 5
    which = f"{len(suggested)} annotations (1, 2, 3, 4, 5, ...)"
    assert report.problems == [f"{which} by annotator 7: {Refusal.BULK}"]
    assert {row["what"]: row["n"] for row in pull_rows(report)}["answers that do not count"] == len(suggested)
    assert loop.pull().problems == []
    status = read_status(
        loop.tables,
        summary_of(loop.state(), loop.settings),
        workspace="",
        champion=None,
        champion_problem=None,
        policy=None,
        servers={},
    )
    assert status.lines()["do not count"] == f"{len(suggested)} because {Refusal.BULK}"
    assert status.lines()["annotations"].startswith("0 answers by 0 annotators")
    assert status.lines()["queue"].startswith("20 waiting for annotators, 0 answered")
    people = annotator_report(loop.outcomes(), loop.state().snapshot.requests.requests, loop.settings)
    assert people.people == ()
    assert f"| annotator 7 | {len(suggested)} | {Refusal.BULK} |" in markdown(refused_sections(people)[0])

    loop.work({"7": always("ham"), "2": always("ham")})
    loop.pull()
    assert {record.annotators for record in loop.gold.records()} <= {("2",), ("7",)}
    assert len(loop.gold.records()) == 20


def test_a_bulk_answer_that_somebody_saves_after_a_look_counts(tmp_path: Path) -> None:
    """Opening the annotation and submitting it is a person's answer."""
    loop = one_answer_each(tmp_path)
    task_id = next(task_id for task_id, task in loop.queue.tasks.items() if task.pushed.suggestion)
    loop.queue.accept_suggestions([task_id], "7")
    loop.pull()
    (annotation_id,) = loop.queue.tasks[task_id].answers
    loop.queue.retract(annotation_id)
    loop.queue.answer(task_id, "7", "ham", lead_time_s=1.2)

    loop.pull()

    assert [record.annotators for record in loop.gold.records()] == [("7",)]


@pytest.mark.parametrize("time_s", [None, 0.0, 0.01])
def test_an_answer_without_the_time_for_a_look_is_asked_again(tmp_path: Path, time_s: float | None) -> None:
    """Every task that got one goes to another annotator."""
    loop = one_answer_each(tmp_path)
    for task_id in list(loop.queue.tasks):
        loop.queue.answer(task_id, "1", "ham", lead_time_s=time_s)

    report = loop.pull()

    assert report.n_refused == 20
    assert report.follow_ups is not None
    assert report.follow_ups.asked == {"uncounted": 20}
    assert loop.gold.records() == []
    assert loop.work({"1": always("ham"), "2": always("spam")}) == 20
    loop.pull()
    assert {record.label for record in loop.gold.records()} == {"spam"}
    assert len(loop.gold.records()) == 20


@pytest.mark.parametrize("audit_only", [False, True])
def test_an_answer_with_an_unknown_label_is_asked_again(tmp_path: Path, audit_only: bool) -> None:
    """Also where the task wants two answers and has a good one; the task never stays closed."""
    loop = pushed(tmp_path)
    chosen = [
        task_id
        for task_id, task in loop.queue.tasks.items()
        if (task.pushed.purpose is Purpose.AUDIT) is audit_only
    ]
    assert chosen
    for task_id in chosen:
        loop.queue.answer(task_id, "1", "eggs")
    loop.work({"2": always("ham")})
    loop.pull()
    loop.work({"1": always("ham"), "2": always("ham"), "3": always("ham")})
    loop.pull()

    samples = {loop.queue.tasks[task_id].pushed.sample_id for task_id in chosen}
    assert samples <= set(gold_by_sample(loop))


def test_an_answer_whose_label_left_the_set_is_asked_again(tmp_path: Path) -> None:
    """A label that the settings no longer have closes no task either."""
    loop = one_answer_each(tmp_path)
    loop.answer_all("spam")
    loop.pull()
    loop.settings = loop.settings.model_copy(update={"labels": ("ham", "eggs")})
    loop.queue.labels = loop.settings.label_set

    report = loop.pull()

    assert report.follow_ups is not None
    assert report.follow_ups.asked == {"uncounted": 20}
    assert loop.gold.records() == []
