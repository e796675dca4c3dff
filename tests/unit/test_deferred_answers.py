"""Investigate further: an annotator who cannot tell sends a sample to a full review by others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from goldloop.adapters.label_studio.payload import choice_result, read_tasks
from goldloop.consensus.next_step import Step
from goldloop.core.annotations import AnnotationStatus
from goldloop.core.labels import LabelSet
from goldloop.core.questions import DEFERRAL
from goldloop.core.tasks import Purpose
from goldloop.labeling.annotation_merge import n_on_server
from goldloop.tables.counts import annotation_counts
from tests.loop import ONE_ANSWER, Loop
from tests.unit.labeling_loop import always, gold_by_sample, live, pushed


def deferred(tmp_path: Path, **settings: Any) -> tuple[Loop, int]:
    """Return a loop in which 1 asks for a full review of one sample, and the number of its task."""
    loop = pushed(tmp_path, **settings)
    task_id = next(n for n, task in loop.queue.tasks.items() if task.pushed.purpose is Purpose.REVIEW)
    loop.queue.answer(task_id, "1", DEFERRAL)
    loop.pull()
    return loop, task_id


def test_a_deferred_sample_gets_one_full_review_by_others(tmp_path: Path) -> None:
    """It is blind, asks for two answers, and never reaches who asked for it; nothing else is asked twice."""
    loop, task_id = deferred(tmp_path)
    sample_id = loop.queue.tasks[task_id].pushed.sample_id
    for _ in range(2):
        loop.pull()
        loop.push()

    (task,) = [one for one in loop.queue.tasks.values() if one.pushed.purpose is Purpose.FULL]
    assert task.pushed.sample_id == sample_id
    assert (task.n_asked, task.pushed.suggestion, task.pushed.barred) == (2, None, ("1",))
    assert not loop.queue.tasks[task_id].is_open
    (kept,) = loop.state().snapshot.annotations
    assert (kept.status, kept.label, kept.reason) == (AnnotationStatus.DEFERRED, None, DEFERRAL)
    evidence = loop.state().evidence[sample_id]
    assert (evidence.is_deferred, evidence.n_asked, evidence.n_first) == (True, 2, 2)


def test_two_who_agree_in_the_full_review_make_gold(tmp_path: Path) -> None:
    """The answer that asked for it is no vote."""
    loop, task_id = deferred(tmp_path)
    sample_id = loop.queue.tasks[task_id].pushed.sample_id
    loop.work({"2": always("spam"), "3": always("spam")})
    loop.pull()

    record = gold_by_sample(loop)[sample_id]
    assert (record.label, record.n_votes, record.purpose) == ("spam", 2, Purpose.FULL)
    assert record.annotators == ("2", "3")


def test_a_dispute_in_the_full_review_goes_to_an_adjudicator(tmp_path: Path) -> None:
    """As in any other full review."""
    loop, task_id = deferred(tmp_path)
    sample_id = loop.queue.tasks[task_id].pushed.sample_id
    loop.work({"2": always("spam"), "3": always("ham")})
    loop.pull()

    (outcome,) = [one for one in loop.outcomes().samples if one.evidence.sample_id == sample_id]
    assert outcome.step is Step.ADJUDICATE
    assert sample_id in live(loop, Purpose.ADJUDICATION)


def test_in_a_blind_task_somebody_else_answers_instead(tmp_path: Path) -> None:
    """An audit that somebody cannot tell needs one more answer, and no second task."""
    loop = pushed(tmp_path)
    task_id = next(n for n, task in loop.queue.tasks.items() if task.pushed.purpose is Purpose.AUDIT)
    loop.queue.answer(task_id, "1", DEFERRAL)
    loop.pull()

    assert loop.queue.tasks[task_id].n_asked == 3
    assert not live(loop, Purpose.FULL)
    for who in ("2", "3"):
        loop.queue.answer(task_id, who, "ham")
    loop.pull()
    assert gold_by_sample(loop)[loop.queue.tasks[task_id].pushed.sample_id].n_votes == 2


def test_no_adjudicator_is_asked_before_others_were(tmp_path: Path) -> None:
    """Where one skip brings an adjudicator, who asks for a full review has not skipped."""
    loop, task_id = deferred(tmp_path, consensus=ONE_ANSWER.model_copy(update={"repeat_share": 0.5}))
    loop.push()

    assert live(loop, Purpose.FULL) == {loop.queue.tasks[task_id].pushed.sample_id}
    assert not live(loop, Purpose.ADJUDICATION)


def test_who_decides_after_all_is_heard(tmp_path: Path) -> None:
    """The newest answer counts; the full review that others have begun goes on."""
    loop, task_id = deferred(tmp_path)
    (annotation_id,) = loop.queue.tasks[task_id].answers
    loop.queue.edit(annotation_id, "spam")
    loop.work({"2": always("spam")})
    loop.pull()

    sample_id = loop.queue.tasks[task_id].pushed.sample_id
    assert not loop.state().evidence[sample_id].is_deferred
    assert gold_by_sample(loop)[sample_id].annotators == ("1", "2")


def test_nothing_is_missing_or_extra_for_it(tmp_path: Path) -> None:
    """The server counts it as an answer, and goldloop agrees though it is a skip in all figures."""
    loop, _ = deferred(tmp_path)
    report, annotations = loop.pull(), loop.state().snapshot.annotations

    assert loop.queue.counts().n_answers == n_on_server(annotations) == 1
    assert report.problems == []
    counts = annotation_counts(annotations)
    assert (counts.answers, counts.skips, counts.invalid, counts.refused) == (0, 1, 0, 0)


def test_a_lost_deferral_that_is_kept_is_one_still(tmp_path: Path) -> None:
    """Where the user keeps what the server lost, it asks for the full review as before."""
    loop, task_id = deferred(tmp_path)
    loop.queue.delete([task_id])
    for _ in range(2):
        loop.pull(keep_lost=True)

    kept = [row.status for row in loop.state().snapshot.annotations]
    assert kept == [AnnotationStatus.DEFERRED]


@pytest.mark.parametrize(
    ("labels", "label", "reason"),
    [(["ham", "spam"], None, DEFERRAL), (["ham", DEFERRAL], DEFERRAL, None)],
    ids=["a deferral", "a label of that name"],
)
def test_label_studio_gives_it_as_a_choice_among_the_labels(
    labels: list[str], label: str | None, reason: str | None
) -> None:
    """It is no label, no fault, and no skip of Label Studio; a label of that name stays a label."""
    at = "2026-01-05T09:00:00Z"
    raw = {"id": 1, "result": choice_result(DEFERRAL), "completed_by": 7, "updated_by": 7, "lead_time": 2.5}
    row = {"id": 3, "data": {"key": "k"}, "updated_at": at}
    row["annotations"] = [raw | {"created_at": at, "updated_at": at}]  # type: ignore[assignment]
    (task,) = read_tasks([row], LabelSet.of(labels))
    (read,) = task.annotations

    assert (read.label, read.reason, read.problem, read.is_skip) == (label, reason, None, False)
    expected = AnnotationStatus.ANSWER if label else AnnotationStatus.DEFERRED
    assert read.status is expected
