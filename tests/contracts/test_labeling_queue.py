"""What every labelling queue promises: the same tests on the fake and on a real Label Studio."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from goldloop.core.annotations import Grounds
from goldloop.core.ports import LabelingQueue
from tests.contracts.labeling import Desk, answers, blind, changed, disputed, known, review


def test_push_returns_an_id_for_each_task_in_the_order_given(queue: LabelingQueue) -> None:
    """Ids come by key, in input order, and rise, so that tasks are shown in that order."""
    tasks = [review(3), blind(1), review(2)]

    ids = queue.push(tasks)

    assert list(ids) == [task.key for task in tasks]
    assert list(ids.values()) == sorted(ids.values())
    assert queue.counts().n_tasks == 3
    assert queue.all_tasks() == {task_id: key for key, task_id in ids.items()}


def test_pushing_nothing_makes_nothing(queue: LabelingQueue) -> None:
    """An empty push is no error."""
    assert queue.push([]) == {}
    assert queue.counts().n_tasks == 0


def test_find_returns_ids_of_known_keys_only(queue: LabelingQueue) -> None:
    """Keys that no task carries are absent, not empty."""
    ids = queue.push([review(1), review(2), blind(1)])

    found_ids = queue.find([review(2).key, blind(1).key, review(9).key])

    assert found_ids == {review(2).key: [ids[review(2).key]], blind(1).key: [ids[blind(1).key]]}
    assert queue.find([]) == {}


def test_find_shows_duplicates_ascending(queue: LabelingQueue) -> None:
    """A key that was pushed twice has two tasks, the older first."""
    first = queue.push([review(1)])[review(1).key]
    second = queue.push([review(1)])[review(1).key]

    assert queue.find([review(1).key]) == {review(1).key: [first, second]}


def test_a_sealed_plan_travels_with_its_task(queue: LabelingQueue) -> None:
    """The server returns the seal of each task that has one, whether annotators see a suggestion or not."""
    shown, unseen = replace(review(1), sealed="c2VhbGVk" * 200), replace(blind(2), sealed="YmxpbmQ=")
    ids = queue.push([shown, unseen, review(3)])

    assert queue.sealed_plans([*ids.values(), 999_999]) == {
        ids[shown.key]: shown.sealed,
        ids[unseen.key]: unseen.sealed,
    }
    assert queue.sealed_plans([]) == {}


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


def test_two_annotators_are_kept_apart(queue: LabelingQueue, desk: Desk) -> None:
    """Both answers to one task come back, each under its own annotator."""
    ids = queue.push([review(1)])

    desk.answer(ids[review(1).key], desk.people[0], "cat")
    desk.answer(ids[review(1).key], desk.people[1], "dog")

    labels = {annotation.annotator: annotation.label for annotation in answers(queue, review(1).key)}
    assert labels == {desk.people[0]: "cat", desk.people[1]: "dog"}


def test_an_unknown_label_is_a_problem_not_a_label(queue: LabelingQueue, desk: Desk) -> None:
    """An answer outside the label set comes back without a label, with the problem."""
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
    tasks = [blind(number) for number in range(2100)]
    queue.push(tasks)

    pages = list(queue.changed_since(None))

    assert len(pages) > 1
    states = [state for page in pages for state in page]
    assert {state.key for state in states} == {task.key for task in tasks}
    assert [state.updated_at for state in states] == sorted(state.updated_at for state in states)


def test_every_purpose_is_found_counted_and_deleted(queue: LabelingQueue, desk: Desk) -> None:
    """Wherever its tasks are, the queue is one queue."""
    tasks = [disputed(1), known(1), blind(1)]
    ids = queue.push(tasks)
    desk.answer(ids[disputed(1).key], desk.people[0], "cat")
    desk.skip(ids[known(1).key], desk.people[0])

    assert queue.counts().n_tasks == 3
    assert queue.all_tasks() == {task_id: key for key, task_id in ids.items()}
    assert queue.find([task.key for task in tasks]) == {key: [task_id] for key, task_id in ids.items()}
    assert queue.answered(list(ids.values())) == {ids[disputed(1).key], ids[known(1).key]}
    queue.delete([ids[disputed(1).key], ids[blind(1).key]])
    assert queue.all_tasks() == {ids[known(1).key]: known(1).key}


def test_the_list_of_tasks_tells_which_changed(queue: LabelingQueue, desk: Desk) -> None:
    """Each listed task has its number of answers and skips and the time of its newest change."""
    ids = queue.push([review(1), blind(2), blind(3)])
    first, second, third = ids.values()
    one = desk.answer(first, desk.people[0], "cat")
    desk.answer(first, desk.people[1], "dog")
    desk.skip(second, desk.people[0])

    listed = {task.task_id: task for task in queue.listing()}

    assert [task.key for task in listed.values()] == list(ids)
    assert [task.n_annotations for task in listed.values()] == [2, 1, 0]
    assert (queue.counts().n_tasks, queue.counts().n_answers) == (3, 2)
    states = {state.task_id: state for state in queue.states([first, third, 10**9])}
    assert {task_id: len(state.annotations) for task_id, state in states.items()} == {first: 2, third: 0}
    assert [states[task_id].updated_at for task_id in states] == [
        listed[first].updated_at,
        listed[third].updated_at,
    ]

    desk.retract(one)

    after = {task.task_id: task for task in queue.listing()}
    assert (after[first].n_annotations, queue.counts().n_answers) == (1, 1)
    assert after[first].updated_at > listed[first].updated_at
    assert after[second] == listed[second]


def test_a_reason_comes_back_with_the_answer_or_the_skip(queue: LabelingQueue, desk: Desk) -> None:
    """Every answer and every skip keeps the reason that its annotator gave."""
    ids = queue.push([disputed(1), blind(1), blind(2), blind(3)])
    ann = desk.people[0]

    desk.answer(ids[disputed(1).key], ann, "dog", reason="shows several things")
    desk.skip(ids[blind(1).key], ann, reason="nothing fits")
    desk.answer(ids[blind(2).key], ann, "dog", reason="nothing fits")
    desk.skip(ids[blind(3).key], ann)

    states = changed(queue)
    given = {
        key: [(annotation.label, annotation.reason) for annotation in states[key].annotations] for key in ids
    }
    assert given == {
        disputed(1).key: [("dog", "shows several things")],
        blind(1).key: [(None, "nothing fits")],
        blind(2).key: [("dog", "nothing fits")],
        blind(3).key: [(None, None)],
    }


def test_grounds_come_back_with_the_answer(queue: LabelingQueue, desk: Desk) -> None:
    """Severity, rule, marked parts and note are kept beside the label; where there are none, nothing is."""
    ids = queue.push([blind(1), blind(2)])
    ann = desk.people[0]
    grounds = Grounds("strong", "S1 sells", ("buy", "now"), "again")

    desk.answer(ids[blind(1).key], ann, "dog", grounds=grounds)
    desk.answer(ids[blind(2).key], ann, "dog")

    states = changed(queue)
    assert [one.grounds for one in states[blind(1).key].annotations] == [grounds]
    assert [one.grounds for one in states[blind(2).key].annotations] == [None]


def test_changes_come_in_order_across_purposes(queue: LabelingQueue, desk: Desk) -> None:
    """Whichever project a task is in, what changed first comes first."""
    ids = queue.push([blind(1), disputed(1), known(1), blind(2)])
    order = [disputed(1).key, blind(2).key, known(1).key, blind(1).key]
    moment = max(state.updated_at for state in changed(queue).values()) + timedelta(microseconds=1)

    for key in order:
        desk.answer(ids[key], desk.people[0], "cat")

    pages = list(queue.changed_since(moment))
    assert [state.key for page in pages for state in page] == order
