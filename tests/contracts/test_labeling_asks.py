"""Whom every labelling queue shows a task to: the same tests on the fake and on a real Label Studio."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest

from goldloop.adapters.label_studio import LabelStudioQueue
from goldloop.adapters.label_studio.assignment import OVERLAPS
from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.task_list import lookup
from goldloop.core.annotations import AnnotationStatus
from goldloop.core.ports import LabelingQueue
from goldloop.core.questions import DEFERRAL
from goldloop.core.samples import BatchId, SampleId
from goldloop.core.tasks import NewTask, Purpose
from tests.contracts.labeling import LABELS, Desk, answers, blind, changed, disputed, known
from tests.loop import Killed

EVERYWHERE = pytest.mark.parametrize(
    "made",
    ["fake", *(pytest.param(one, marks=pytest.mark.servers) for one in ("real", "plain"))],
    indirect=True,
)
"""On the fake, the embedded server, and a server that changes one task in a request."""


def test_an_answered_task_goes_to_no_other_annotator(queue: LabelingQueue, desk: Desk) -> None:
    """A new task takes one answer; after a skip it goes to other annotators only."""
    ids = queue.push([blind(1), blind(2)])
    first, second = ids.values()
    ann, bob, cyd, _ = desk.people

    assert desk.next_for(ann) == first
    desk.answer(first, ann, "cat")
    assert desk.next_for(bob) == second
    desk.skip(second, bob)

    assert desk.next_for(bob) is None
    assert desk.next_for(cyd) == second


def test_who_asks_for_a_full_review_ends_the_task(queue: LabelingQueue, desk: Desk) -> None:
    """It is no label and no skip: the server counts it, and gives the task to nobody else."""
    (first,) = queue.push([blind(1)]).values()
    ann, bob, *_ = desk.people
    desk.answer(first, ann, DEFERRAL)

    (deferred,) = answers(queue, blind(1).key)
    assert (deferred.status, deferred.reason) == (AnnotationStatus.DEFERRED, DEFERRAL)
    assert (deferred.label, deferred.problem, deferred.is_skip) == (None, None, False)
    assert queue.counts().n_answers == 1
    assert desk.next_for(bob) is None


@EVERYWHERE
def test_a_request_brings_a_task_to_other_annotators_only(queue: LabelingQueue, desk: Desk) -> None:
    """With three answers requested, a task goes to two more annotators besides a skip, and then to none."""
    ids = queue.push([blind(1), blind(2)])
    first, second = ids.values()
    ann, bob, cyd, dee = desk.people
    desk.answer(first, ann, "cat")

    queue.ask({first: 3})

    assert desk.next_for(bob) == first
    desk.answer(first, bob, "dog")
    assert desk.next_for(ann) == second
    assert desk.next_for(cyd) == first
    desk.skip(first, cyd)
    desk.answer(second, ann, "cat")
    assert desk.next_for(cyd) is None
    assert desk.next_for(dee) == first
    desk.answer(first, dee, "cat")
    assert [desk.next_for(annotator) for annotator in desk.people] == [None] * 4
    labels = {annotation.annotator: annotation.label for annotation in answers(queue, blind(1).key)}
    assert labels == {ann: "cat", bob: "dog", cyd: None, dee: "cat"}


def test_a_request_before_the_first_answer(queue: LabelingQueue, desk: Desk) -> None:
    """A task with two requested answers goes to two annotators at the same time."""
    (first,) = queue.push([blind(1)]).values()
    queue.ask({first: 2})
    ann, bob, cyd, _ = desk.people

    assert desk.next_for(ann) == desk.next_for(bob) == first
    desk.answer(first, ann, "cat")
    desk.answer(first, bob, "cat")

    assert desk.next_for(cyd) is None


@EVERYWHERE
def test_a_repeated_or_outdated_request_changes_nothing(queue: LabelingQueue, desk: Desk) -> None:
    """Repeated, empty, satisfied and outdated requests leave every task unchanged."""
    ids = queue.push([blind(1), blind(2)])
    first, second = ids.values()
    queue.delete([second])
    ann, bob, cyd, _ = desk.people
    desk.answer(first, ann, "cat")
    queue.ask({first: 2, second: 2})
    desk.answer(first, bob, "cat")
    moment = changed(queue)[blind(1).key].updated_at + timedelta(microseconds=1)

    queue.ask({first: 2, second: 3})
    queue.ask({})

    assert changed(queue, moment) == {}
    assert desk.next_for(cyd) is None


@EVERYWHERE
def test_a_barred_annotator_neither_gets_nor_answers_the_task(queue: LabelingQueue, desk: Desk) -> None:
    """A further task about a sample goes to another annotator; barring is neither an answer nor a skip."""
    ann, bob, cyd, *_ = desk.people
    task = NewTask(SampleId(f"{7:064x}"), Purpose.RECHECK, BatchId("b"), "a.png", barred=(ann, bob, "999999"))
    (task_id,) = queue.push([task]).values()

    assert desk.next_for(ann) is None
    assert desk.next_for(bob) is None
    assert queue.answered([task_id]) == set()
    assert desk.next_for(cyd) == task_id
    desk.skip(task_id, cyd)
    assert queue.answered([task_id]) == {task_id}
    (state,) = [state for page in queue.changed_since(None) for state in page]
    assert [(annotation.annotator, annotation.is_skip) for annotation in state.annotations] == [(cyd, True)]

    queue.ask({task_id: 2})
    dee = desk.people[3]
    assert desk.next_for(dee) == task_id
    desk.answer(task_id, dee, LABELS[0])
    assert desk.next_for(ann) is None


def test_a_push_killed_after_its_import_has_barred_already(
    queue: LabelingQueue, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no moment in which people could decide their own case."""

    def dies(_: object) -> None:
        raise Killed

    ann, bob, cyd, *_ = desk.people
    task = NewTask(SampleId(f"{8:064x}"), Purpose.ADJUDICATION, BatchId("b"), "a.png", barred=(ann, bob))
    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(queue, "bar", dies)
        queue.push([task])

    assert desk.next_for(ann, purpose=Purpose.ADJUDICATION) is None
    assert desk.next_for(bob, purpose=Purpose.ADJUDICATION) is None
    (task_id,) = queue.find([task.key])[task.key]
    queue.bar({task_id: task.barred})  # as the next push does, which finds the task on the server
    assert desk.next_for(ann, purpose=Purpose.ADJUDICATION) is None
    assert desk.next_for(cyd, purpose=Purpose.ADJUDICATION) == task_id


@EVERYWHERE
def test_barring_again_changes_nothing_and_bars_who_was_left_out(queue: LabelingQueue, desk: Desk) -> None:
    """A task found on the server is barred as its plan says; who answered it keeps the answer."""
    ann, bob, cyd, *_ = desk.people
    task = NewTask(SampleId(f"{9:064x}"), Purpose.RECHECK, BatchId("b"), "a.png", barred=(ann,))
    (task_id,) = queue.push([task]).values()
    queue.ask({task_id: 2})
    desk.answer(task_id, cyd, LABELS[0])
    moment = changed(queue)[task.key].updated_at + timedelta(microseconds=1)

    queue.bar({task_id: (ann,)})
    assert changed(queue, moment) == {}
    queue.bar({task_id: (ann, bob, cyd, "999999"), 999_999: (ann,)})
    assert [desk.next_for(annotator) for annotator in (ann, bob, cyd)] == [None, None, None]
    assert [annotation.annotator for annotation in answers(queue, task.key)] == [cyd]
    assert desk.next_for(desk.people[3]) == task_id


@EVERYWHERE
def test_a_retracted_answer_is_asked_for_again(queue: LabelingQueue, desk: Desk) -> None:
    """After an answer is deleted, the task lacks one answer and goes to another annotator."""
    (first,) = queue.push([blind(1)]).values()
    ann, bob, cyd, _ = desk.people
    queue.ask({first: 2})
    desk.answer(first, ann, "cat")
    annotation_id = desk.answer(first, bob, "dog")
    assert desk.next_for(cyd) is None

    desk.retract(annotation_id)

    assert desk.next_for(cyd) == first


def test_a_later_push_leaves_what_was_asked_alone(queue: LabelingQueue, desk: Desk) -> None:
    """New tasks begin with one answer and do not change how many others need."""
    (first,) = queue.push([blind(1)]).values()
    ann, bob, cyd, _ = desk.people
    desk.answer(first, ann, "cat")
    queue.ask({first: 2})

    (second,) = queue.push([blind(2)]).values()

    assert desk.next_for(bob) == first
    desk.answer(first, bob, "cat")
    assert desk.next_for(cyd) == second


def test_disputes_and_known_answers_are_kept_out_of_the_usual_stream(
    queue: LabelingQueue, desk: Desk
) -> None:
    """Each task is in the project of its purpose; onboarding goes to every annotator, a dispute to one."""
    ids = queue.push([disputed(1), known(1), blind(1)])
    ann, bob, _, _ = desk.people

    assert list(ids) == [disputed(1).key, known(1).key, blind(1).key]
    assert desk.next_for(ann, purpose=Purpose.AUDIT) == ids[blind(1).key]
    for annotator in (ann, bob):
        assert desk.next_for(annotator, purpose=Purpose.ONBOARDING) == ids[known(1).key]
        desk.answer(ids[known(1).key], annotator, "cat")
        assert desk.next_for(annotator, purpose=Purpose.ONBOARDING) is None
    assert desk.next_for(ann, purpose=Purpose.ADJUDICATION) == ids[disputed(1).key]
    desk.answer(ids[disputed(1).key], ann, "dog")
    assert desk.next_for(bob, purpose=Purpose.ADJUDICATION) is None


@pytest.mark.servers
@pytest.mark.parametrize("made", ["real", "plain"], indirect=True)
def test_no_answer_is_lost_during_a_request(queue: LabelingQueue, desk: Desk) -> None:
    """Annotators answer while goldloop requests answers: the server keeps every answer."""
    ids = list(queue.push([blind(number) for number in range(40)]).values())
    ann, bob, cyd, _ = desk.people

    def answer_backwards() -> None:
        for task_id in reversed(ids):
            desk.answer(task_id, ann, "cat")

    writer = threading.Thread(target=answer_backwards)
    writer.start()
    queue.ask(dict.fromkeys(ids, 2))
    writer.join()

    assert queue.answered(ids) == set(ids)
    given = []
    while (task_id := desk.next_for(bob)) is not None:
        given.append(task_id)
        desk.answer(task_id, bob, "dog")
    assert sorted(given) == ids
    assert desk.next_for(cyd) is None


@pytest.mark.servers
@pytest.mark.parametrize("made", ["real"], indirect=True)
def test_many_tasks_are_asked_about_in_few_requests(
    queue: LabelStudioQueue, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,001 tasks take three requests, where a request for each would take 40 s."""
    ids = list(queue.push([blind(number) for number in range(1001)]).values())
    desk.answer(ids[0], desk.people[0], "cat")
    sent: list[str] = []
    ask = LabelStudioClient._ask

    def counting(client: LabelStudioClient, method: str, path: str, *rest: object) -> object:
        sent.append(f"{method} {path}")
        return ask(client, method, path, *rest)

    monkeypatch.setattr(LabelStudioClient, "_ask", counting)
    queue.ask(dict.fromkeys(ids, 2))

    assert sent == [f"POST {OVERLAPS}"] * 3
    fields = "id,overlap,is_labeled,total_annotations"
    rows = {row["id"]: row for row in lookup(queue._server, queue.projects, fields, "id", ids)}
    assert len(rows) == len(ids)
    assert {row["overlap"] for row in rows.values()} == {2}
    assert not any(row["is_labeled"] for row in rows.values())
    assert rows[ids[0]]["total_annotations"] == 1


@pytest.mark.servers
@pytest.mark.parametrize("made", ["real"], indirect=True)
@pytest.mark.parametrize(
    "sent", [{"1": 0}, {"1": "two"}, {"one": 2}, [1], {str(one): 1 for one in range(1001)}]
)
def test_the_server_refuses_numbers_that_are_none(queue: LabelStudioQueue, sent: object) -> None:
    """Nothing is changed, and the reply says what was wrong."""
    (task_id,) = queue.push([blind(1)]).values()
    with pytest.raises(httpx.HTTPStatusError) as refused:
        queue._server.post_if_there(OVERLAPS, sent)

    assert refused.value.response.status_code == 400
    assert queue._server.get(f"/api/tasks/{task_id}/")["overlap"] == 1
