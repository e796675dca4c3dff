"""What every labelling queue promises: the same tests on the fake and on a real Label Studio."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest

from goldloop.annotations import Annotation, TaskState
from goldloop.labels import LabelSet
from goldloop.ports import LabelingQueue
from goldloop.samples import BatchId, SampleId
from goldloop.tasks import NewTask, Purpose, Suggestion
from tests.fakes import FakeLabelingQueue

if TYPE_CHECKING:
    from goldloop.adapters.label_studio import Projects

LABELS = LabelSet.of(["cat", "dog", 'a<b & "c"'])
_numbers = count(1)


class Desk(Protocol):
    """Four people in front of a labelling queue."""

    people: tuple[str, ...]

    def next_for(self, annotator: str, *, purpose: Purpose | None = None) -> int | None:
        """Return the task that this person is shown next where tasks of `purpose` are, or None."""
        ...

    def answer(self, task_id: int, annotator: str, label: str, *, reason: str | None = None) -> int:
        """Submit `label`, and a reason if there is one; return the annotation id."""
        ...

    def skip(self, task_id: int, annotator: str, *, reason: str | None = None) -> int:
        """Skip a task, with a reason if there is one; return the annotation id."""
        ...

    def edit(self, annotation_id: int, label: str) -> None:
        """Change an answer to `label`."""
        ...

    def retract(self, annotation_id: int) -> None:
        """Delete an answer."""
        ...

    def draft(self, task_id: int, annotator: str, label: str) -> None:
        """Begin an answer without submitting it."""
        ...


class FakeDesk(FakeLabelingQueue):
    """The fake, whose annotators need no account."""

    people = ("ann", "bob", "cyd", "dee")


class RealDesk:
    """Real accounts of a Label Studio, each answering with its own token."""

    def __init__(self, url: str, tokens: dict[str, str], projects: Projects) -> None:
        self.tokens = tokens
        self.people = tuple(tokens)
        self.projects = projects
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def next_for(self, annotator: str, *, purpose: Purpose | None = None) -> int | None:
        """Return the task that Label Studio's own stream shows this person next, or None."""
        project_id = self.projects.of(purpose or Purpose.REVIEW)
        headers = {"Authorization": f"Token {self.tokens[annotator]}"}
        reply = self.http.get(f"/api/projects/{project_id}/next", headers=headers)
        if reply.status_code == httpx.codes.NOT_FOUND:
            return None
        return int(reply.raise_for_status().json()["id"])

    def answer(self, task_id: int, annotator: str, label: str, *, reason: str | None = None) -> int:
        """Submit `label`, and a reason if there is one; return the annotation id."""
        from goldloop.adapters.label_studio.payload import choice_result

        body = {"result": choice_result(label) + reason_result(reason), "lead_time": 2.0}
        return int(self._ask("POST", f"/api/tasks/{task_id}/annotations/", annotator, body)["id"])

    def skip(self, task_id: int, annotator: str, *, reason: str | None = None) -> int:
        """Skip a task, with a reason if there is one; return the annotation id."""
        body = {"result": reason_result(reason), "was_cancelled": True, "lead_time": 1.0}
        return int(self._ask("POST", f"/api/tasks/{task_id}/annotations/", annotator, body)["id"])

    def edit(self, annotation_id: int, label: str) -> None:
        """Change an answer to `label`."""
        from goldloop.adapters.label_studio.payload import choice_result

        body = {"result": choice_result(label), "was_cancelled": False}
        self._ask("PATCH", f"/api/annotations/{annotation_id}/", self.people[0], body)

    def retract(self, annotation_id: int) -> None:
        """Delete an answer."""
        self._ask("DELETE", f"/api/annotations/{annotation_id}/", self.people[0], None)

    def draft(self, task_id: int, annotator: str, label: str) -> None:
        """Begin an answer without submitting it."""
        from goldloop.adapters.label_studio.payload import choice_result

        body = {"result": choice_result(label), "lead_time": 1.0}
        self._ask("POST", f"/api/tasks/{task_id}/drafts", annotator, body)

    def _ask(self, method: str, path: str, annotator: str, body: object) -> Any:
        headers = {"Authorization": f"Token {self.tokens[annotator]}"}
        reply = self.http.request(method, path, json=body, headers=headers)
        reply.raise_for_status()
        return reply.json() if reply.content else None


def reason_result(reason: str | None) -> list[dict[str, Any]]:
    """Return what the reason control adds to an answer."""
    picked = {"from_name": "reason", "to_name": "image", "type": "choices", "value": {"choices": [reason]}}
    return [picked] if reason else []


@pytest.fixture(scope="module")
def people(request: pytest.FixtureRequest) -> dict[str, str]:
    """Tokens of four accounts, by user id."""
    from goldloop.adapters.label_studio import add_annotator

    server = request.getfixturevalue("services").label_studio
    accounts = [
        add_annotator(server.url, server.token, email=f"{name}@contract.example", password=f"{name}-password")
        for name in FakeDesk.people
    ]
    return {one.user_id: one.token for one in accounts}


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.servers)])
def made(request: pytest.FixtureRequest) -> Iterator[tuple[LabelingQueue, Desk]]:
    """An empty queue and the people in front of it."""
    if request.param == "fake":
        fake = FakeDesk(LABELS)
        yield fake, fake
        return
    from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects, local_image_urls

    server = request.getfixturevalue("services").label_studio
    projects = ensure_projects(
        server.url,
        server.token,
        name=f"contract-{next(_numbers)}",
        labels=LABELS,
        images_root=Path(server.files_root) / "images",
    )
    queue = LabelStudioQueue(server.url, server.token, projects, LABELS, image_url=local_image_urls())
    queue.delete(list(queue.all_tasks()))  # a server that outlives a test run keeps its projects
    desk = RealDesk(server.url, request.getfixturevalue("people"), projects)
    yield queue, desk
    desk.http.close()


@pytest.fixture
def queue(made: tuple[LabelingQueue, Desk]) -> LabelingQueue:
    """An empty queue."""
    return made[0]


@pytest.fixture
def desk(made: tuple[LabelingQueue, Desk]) -> Desk:
    """The people in front of that queue."""
    return made[1]


def review(number: int) -> NewTask:
    """Return a task with a suggestion."""
    hint = "Model suggests: cat 58% (dog 30%)"
    sample_id = SampleId(f"{number:064x}")
    suggestion = Suggestion(label="cat", score=0.58, model_version="3", hint=hint)
    return NewTask(sample_id, Purpose.REVIEW, BatchId("b1"), f"ab/{sample_id}.png", suggestion)


def blind(number: int) -> NewTask:
    """Return a task without a suggestion."""
    sample_id = SampleId(f"{number:064x}")
    return NewTask(sample_id, Purpose.AUDIT, BatchId("b1"), f"ab/{sample_id}.png")


def disputed(number: int) -> NewTask:
    """Return a task for an adjudicator."""
    sample_id = SampleId(f"{number:064x}")
    answers = {"cat": 1, "dog": 2}
    return NewTask(sample_id, Purpose.ADJUDICATION, BatchId("b1"), f"ab/{sample_id}.png", answers=answers)


def known(number: int) -> NewTask:
    """Return a task for somebody new."""
    sample_id = SampleId(f"{number:064x}")
    return NewTask(sample_id, Purpose.ONBOARDING, BatchId("b1"), f"ab/{sample_id}.png")


def changed(queue: LabelingQueue, moment: datetime | None = None) -> dict[str, TaskState]:
    """Return the last state seen of each changed task, by key."""
    return {state.key: state for page in queue.changed_since(moment) for state in page}


def answers(queue: LabelingQueue, key: str) -> list[Annotation]:
    """Return what people have said of one task."""
    return list(changed(queue)[key].annotations)


def test_push_returns_an_id_for_each_task_in_the_order_given(queue: LabelingQueue) -> None:
    """Ids come by key, in input order, and rise, so that tasks are shown in that order."""
    tasks = [review(3), blind(1), review(2)]

    ids = queue.push(tasks)

    assert list(ids) == [task.key for task in tasks]
    assert list(ids.values()) == sorted(ids.values())
    assert queue.n_tasks() == 3
    assert queue.all_tasks() == {task_id: key for key, task_id in ids.items()}


def test_pushing_nothing_makes_nothing(queue: LabelingQueue) -> None:
    """An empty push is no error."""
    assert queue.push([]) == {}
    assert queue.n_tasks() == 0


def test_find_returns_ids_of_known_keys_only(queue: LabelingQueue) -> None:
    """Keys that no task carries are absent, not empty."""
    ids = queue.push([review(1), review(2), blind(1)])

    found = queue.find([review(2).key, blind(1).key, review(9).key])

    assert found == {review(2).key: [ids[review(2).key]], blind(1).key: [ids[blind(1).key]]}
    assert queue.find([]) == {}


def test_find_shows_duplicates_ascending(queue: LabelingQueue) -> None:
    """A key that was pushed twice has two tasks, the older first."""
    first = queue.push([review(1)])[review(1).key]
    second = queue.push([review(1)])[review(1).key]

    assert queue.find([review(1).key]) == {review(1).key: [first, second]}


def test_delete_removes_just_these_tasks(queue: LabelingQueue) -> None:
    """Deleting is by id; an id that is gone already, or no id at all, is passed over."""
    ids = queue.push([review(1), review(2)])

    queue.delete([])
    queue.delete([ids[review(1).key]])
    queue.delete([ids[review(1).key]])

    assert queue.all_tasks() == {ids[review(2).key]: review(2).key}


def test_an_answer_comes_back_with_what_was_shown(queue: LabelingQueue, desk: Desk) -> None:
    """An annotation carries label, annotator, times and the suggestion the annotator saw."""
    ids = queue.push([review(1)])

    annotation_id = desk.answer(ids[review(1).key], desk.people[0], 'a<b & "c"')

    state = changed(queue)[review(1).key]
    assert state.task_id == ids[review(1).key]
    (answer,) = state.annotations
    assert (answer.annotation_id, answer.annotator, answer.label) == (
        annotation_id,
        desk.people[0],
        'a<b & "c"',
    )
    assert not answer.is_skip
    assert answer.problem is None
    assert answer.lead_time_s == 2.0
    assert answer.created_at.tzinfo is not None
    assert answer.created_at <= answer.updated_at
    assert (answer.shown_label, answer.shown_score, answer.shown_model_version) == ("cat", 0.58, "3")


def test_a_blind_task_showed_nothing(queue: LabelingQueue, desk: Desk) -> None:
    """Without a suggestion the shown fields are None."""
    ids = queue.push([blind(1)])

    desk.answer(ids[blind(1).key], desk.people[0], "dog")

    (answer,) = answers(queue, blind(1).key)
    assert (answer.shown_label, answer.shown_score, answer.shown_model_version) == (None, None, None)


def test_an_edit_replaces_the_answer(queue: LabelingQueue, desk: Desk) -> None:
    """An edited annotation keeps its id and its author and has the new label and a later time."""
    ids = queue.push([review(1)])
    annotation_id = desk.answer(ids[review(1).key], desk.people[1], "cat")
    (before,) = answers(queue, review(1).key)

    desk.edit(annotation_id, "dog")

    (after,) = answers(queue, review(1).key)
    assert (after.annotation_id, after.annotator, after.label) == (annotation_id, desk.people[1], "dog")
    assert after.created_at == before.created_at
    assert after.updated_at > before.updated_at


def test_a_deleted_answer_is_no_longer_listed(queue: LabelingQueue, desk: Desk) -> None:
    """A retraction shows as a changed task without the annotation."""
    ids = queue.push([review(1)])
    annotation_id = desk.answer(ids[review(1).key], desk.people[0], "cat")
    moment = changed(queue)[review(1).key].updated_at + timedelta(microseconds=1)

    desk.retract(annotation_id)

    assert changed(queue, moment)[review(1).key].annotations == ()


def test_a_skip_is_no_answer(queue: LabelingQueue, desk: Desk) -> None:
    """A skip is listed as such, without a label and without a problem."""
    ids = queue.push([review(1)])

    desk.skip(ids[review(1).key], desk.people[0])

    (answer,) = answers(queue, review(1).key)
    assert (answer.is_skip, answer.label, answer.problem) == (True, None, None)


def test_a_draft_is_invisible(queue: LabelingQueue, desk: Desk) -> None:
    """What is begun and not submitted is no annotation and changes nothing."""
    ids = queue.push([review(1)])
    moment = changed(queue)[review(1).key].updated_at + timedelta(microseconds=1)

    desk.draft(ids[review(1).key], desk.people[0], "dog")

    assert changed(queue, moment) == {}
    assert answers(queue, review(1).key) == []


def test_two_people_are_kept_apart(queue: LabelingQueue, desk: Desk) -> None:
    """Both answers to one task come back, each under its own annotator."""
    ids = queue.push([review(1)])

    desk.answer(ids[review(1).key], desk.people[0], "cat")
    desk.answer(ids[review(1).key], desk.people[1], "dog")

    said = {one.annotator: one.label for one in answers(queue, review(1).key)}
    assert said == {desk.people[0]: "cat", desk.people[1]: "dog"}


def test_an_unknown_label_is_a_problem_not_a_label(queue: LabelingQueue, desk: Desk) -> None:
    """An answer outside the label set comes back without a label and says why."""
    ids = queue.push([review(1)])

    desk.answer(ids[review(1).key], desk.people[0], "unicorn")

    (answer,) = answers(queue, review(1).key)
    assert (answer.label, answer.is_skip) == (None, False)
    assert answer.problem == "label 'unicorn' is not in the label set"


def test_only_what_changed_since_comes_back_oldest_first(queue: LabelingQueue, desk: Desk) -> None:
    """The moment itself is included, what lies before is not, and order is by time of change."""
    ids = queue.push([review(1), review(2), review(3)])
    desk.answer(ids[review(3).key], desk.people[0], "cat")
    moment = changed(queue)[review(3).key].updated_at
    desk.answer(ids[review(1).key], desk.people[0], "dog")

    pages = list(queue.changed_since(moment))

    assert [state.key for page in pages for state in page] == [review(3).key, review(1).key]
    assert changed(queue, moment + timedelta(days=1)) == {}


def test_many_changed_tasks_come_in_pages_without_loss(queue: LabelingQueue) -> None:
    """More tasks than fit on a page all come back, in order of change."""
    tasks = [blind(number) for number in range(1100)]
    queue.push(tasks)

    pages = list(queue.changed_since(None))

    assert len(pages) > 1
    states = [state for page in pages for state in page]
    assert {state.key for state in states} == {task.key for task in tasks}
    assert [state.updated_at for state in states] == sorted(state.updated_at for state in states)


def test_an_answered_task_is_shown_to_nobody_else(queue: LabelingQueue, desk: Desk) -> None:
    """One answer is all that is asked of a new task; a skip leaves it to others, never to who skipped."""
    ids = queue.push([blind(1), blind(2)])
    first, second = ids.values()
    ann, bob, cyd, _ = desk.people

    assert desk.next_for(ann) == first
    desk.answer(first, ann, "cat")
    assert desk.next_for(bob) == second
    desk.skip(second, bob)

    assert desk.next_for(bob) is None
    assert desk.next_for(cyd) == second


def test_asking_shows_a_task_to_others_and_never_twice_to_anyone(queue: LabelingQueue, desk: Desk) -> None:
    """Asked for three answers, a task goes to two more people, passes over a skip, and then to nobody."""
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
    assert [desk.next_for(one) for one in desk.people] == [None] * 4
    said = {one.annotator: one.label for one in answers(queue, blind(1).key)}
    assert said == {ann: "cat", bob: "dog", cyd: None, dee: "cat"}


def test_asking_before_anyone_answered(queue: LabelingQueue, desk: Desk) -> None:
    """A task that is asked for two answers at once is shown to two people at the same time."""
    (first,) = queue.push([blind(1)]).values()
    queue.ask({first: 2})
    ann, bob, cyd, _ = desk.people

    assert desk.next_for(ann) == desk.next_for(bob) == first
    desk.answer(first, ann, "cat")
    desk.answer(first, bob, "cat")

    assert desk.next_for(cyd) is None


def test_asking_again_or_for_what_is_gone_changes_nothing(queue: LabelingQueue, desk: Desk) -> None:
    """Repeated, empty, already satisfied and outdated asks leave every task as it was."""
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


def test_who_is_barred_is_not_shown_the_task_and_has_said_nothing(queue: LabelingQueue, desk: Desk) -> None:
    """A further task about a sample goes to somebody new; barring is neither an answer nor a skip."""
    ann, bob, cyd, *_ = desk.people
    task = NewTask(SampleId(f"{7:064x}"), Purpose.RECHECK, BatchId("b"), "a.png", barred=(ann, bob, "999999"))
    (task_id,) = queue.push([task]).values()

    assert desk.next_for(ann) is None
    assert desk.next_for(bob) is None
    assert queue.answered([task_id]) == set()
    assert desk.next_for(cyd) == task_id
    desk.skip(task_id, cyd)
    assert queue.answered([task_id]) == {task_id}
    (state,) = [one for page in queue.changed_since(None) for one in page]
    assert [(one.annotator, one.is_skip) for one in state.annotations] == [(cyd, True)]

    queue.ask({task_id: 2})
    dee = desk.people[3]
    assert desk.next_for(dee) == task_id
    desk.answer(task_id, dee, LABELS[0])
    assert desk.next_for(ann) is None


def test_a_retracted_answer_is_asked_for_again(queue: LabelingQueue, desk: Desk) -> None:
    """Where somebody's answer is deleted, the task is one answer short and is shown to another person."""
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
    """Each comes where its people look for it; a known answer comes to everyone, a dispute to one."""
    ids = queue.push([disputed(1), known(1), blind(1)])
    ann, bob, _, _ = desk.people

    assert list(ids) == [disputed(1).key, known(1).key, blind(1).key]
    assert desk.next_for(ann, purpose=Purpose.AUDIT) == ids[blind(1).key]
    for one in (ann, bob):
        assert desk.next_for(one, purpose=Purpose.ONBOARDING) == ids[known(1).key]
        desk.answer(ids[known(1).key], one, "cat")
        assert desk.next_for(one, purpose=Purpose.ONBOARDING) is None
    assert desk.next_for(ann, purpose=Purpose.ADJUDICATION) == ids[disputed(1).key]
    desk.answer(ids[disputed(1).key], ann, "dog")
    assert desk.next_for(bob, purpose=Purpose.ADJUDICATION) is None


def test_every_purpose_is_found_counted_and_deleted(queue: LabelingQueue, desk: Desk) -> None:
    """Wherever its tasks are, the queue is one queue."""
    tasks = [disputed(1), known(1), blind(1)]
    ids = queue.push(tasks)
    desk.answer(ids[disputed(1).key], desk.people[0], "cat")
    desk.skip(ids[known(1).key], desk.people[0])

    assert queue.n_tasks() == 3
    assert queue.all_tasks() == {task_id: key for key, task_id in ids.items()}
    assert queue.find([task.key for task in tasks]) == {key: [task_id] for key, task_id in ids.items()}
    assert queue.answered(list(ids.values())) == {ids[disputed(1).key], ids[known(1).key]}
    queue.delete([ids[disputed(1).key], ids[blind(1).key]])
    assert queue.all_tasks() == {ids[known(1).key]: known(1).key}


def test_a_reason_comes_back_with_the_answer_or_the_skip(queue: LabelingQueue, desk: Desk) -> None:
    """Why an adjudicator decided so, and why somebody skipped, is told; any other answer has no reason."""
    ids = queue.push([disputed(1), blind(1), blind(2), blind(3)])
    ann = desk.people[0]

    desk.answer(ids[disputed(1).key], ann, "dog", reason="shows several things")
    desk.skip(ids[blind(1).key], ann, reason="nothing fits")
    desk.answer(ids[blind(2).key], ann, "dog", reason="nothing fits")
    desk.skip(ids[blind(3).key], ann)

    states = changed(queue)
    given = {key: [(one.label, one.reason) for one in states[key].annotations] for key in ids}
    assert given == {
        disputed(1).key: [("dog", "shows several things")],
        blind(1).key: [(None, "nothing fits")],
        blind(2).key: [("dog", None)],
        blind(3).key: [(None, None)],
    }


def test_changes_come_in_order_across_purposes(queue: LabelingQueue, desk: Desk) -> None:
    """Whichever project a task is in, what changed first comes first."""
    ids = queue.push([blind(1), disputed(1), known(1), blind(2)])
    order = [disputed(1).key, blind(2).key, known(1).key, blind(1).key]
    moment = max(state.updated_at for state in changed(queue).values()) + timedelta(microseconds=1)

    for key in order:
        desk.answer(ids[key], desk.people[0], "cat")

    pages = list(queue.changed_since(moment))
    assert [state.key for page in pages for state in page] == order


@pytest.mark.servers
@pytest.mark.parametrize("made", ["real"], indirect=True)
def test_suggestions_survive_an_annotator_who_writes_during_the_import(
    queue: LabelingQueue, desk: Desk, request: pytest.FixtureRequest
) -> None:
    """Every task pushed with a suggestion has exactly one prediction afterwards."""
    first = queue.push([review(0)])[review(0).key]
    is_done = threading.Event()

    def keep_writing() -> None:
        annotation_id = desk.answer(first, desk.people[0], "cat")
        while not is_done.is_set():
            desk.edit(annotation_id, "dog")

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        ids = queue.push([review(number) for number in range(1, 1001)] + [blind(2000)])
    finally:
        is_done.set()
        writer.join()

    assert predictions_by_task(request, queue) == {
        task_id: 1 for key, task_id in {**ids, review(0).key: first}.items() if key != blind(2000).key
    }


@pytest.mark.servers
@pytest.mark.parametrize("made", ["real"], indirect=True)
def test_no_answer_is_lost_to_asking_at_the_same_moment(queue: LabelingQueue, desk: Desk) -> None:
    """While tasks are being asked about, people answer them: the server still knows every answer."""
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
def test_the_next_push_restores_suggestions_that_were_lost(
    queue: LabelingQueue, request: pytest.FixtureRequest
) -> None:
    """A task whose prediction got lost, as a killed push leaves it, has it again after any later push."""
    ids = queue.push([review(1), review(2), blind(3)])
    with server_client(request) as http:
        (lost,) = predictions_of(http, ids[review(2).key])
        http.delete(f"/api/predictions/{lost['id']}/").raise_for_status()

        queue.push([])

        (restored,) = predictions_of(http, ids[review(2).key])
    for field in ("score", "model_version", "result"):
        assert restored[field] == lost[field]
    assert predictions_by_task(request, queue) == {ids[review(1).key]: 1, ids[review(2).key]: 1}


def server_client(request: pytest.FixtureRequest) -> httpx.Client:
    """Return a client with the owner's token."""
    server = request.getfixturevalue("services").label_studio
    headers = {"Authorization": f"Token {server.token}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False)


def predictions_of(http: httpx.Client, task_id: int) -> list[dict[str, Any]]:
    """Return the predictions of one task."""
    reply = http.get("/api/predictions/", params={"task": task_id}).raise_for_status()
    return [one for one in reply.json() if one["task"] == task_id]


def predictions_by_task(request: pytest.FixtureRequest, queue: LabelingQueue) -> dict[int, int]:
    """Return how many predictions each task has on the server; tasks without one are absent."""
    with server_client(request) as http:
        reply = http.get("/api/predictions/", params={"project": queue.project_id})  # type: ignore[attr-defined]
    n: dict[int, int] = {}
    for one in reply.raise_for_status().json():
        n[one["task"]] = n.get(one["task"], 0) + 1
    return n
