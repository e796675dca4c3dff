"""What every labelling queue tells of authors: the same tests on the fake and on a real Label Studio."""

from __future__ import annotations

from goldloop.core.ports import LabelingQueue
from tests.contracts.labeling import Desk, answers, blind, changed, disputed, known, review


def test_an_answer_in_a_colleagues_name_names_both(queue: LabelingQueue, desk: Desk) -> None:
    """The annotator is the account that saved the answer."""
    task_id = queue.push([blind(1)])[blind(1).key]
    ann, bob, *_ = desk.people

    desk.answer(task_id, ann, "cat", author=bob)

    (answer,) = answers(queue, blind(1).key)
    assert (answer.annotator, answer.server_author, answer.is_bulk) == (ann, bob, False)


def test_an_edited_answer_names_who_edited_it(queue: LabelingQueue, desk: Desk) -> None:
    """The server keeps listing it under its first author."""
    task_id = queue.push([blind(1)])[blind(1).key]
    ann, bob, *_ = desk.people
    annotation_id = desk.answer(task_id, ann, "cat")

    desk.edit(annotation_id, "dog", annotator=bob)

    (answer,) = answers(queue, blind(1).key)
    assert (answer.annotator, answer.server_author, answer.label) == (bob, ann, "dog")


def test_suggestions_accepted_in_bulk_are_marked(queue: LabelingQueue, desk: Desk) -> None:
    """They have no time and nobody saved them; one that somebody then saves is theirs."""
    tasks = [review(number) for number in range(6)]
    ids = queue.push(tasks)

    desk.accept_suggestions(list(ids.values()), desk.people[0])

    states = changed(queue)
    made = [answer for task in tasks for answer in states[task.key].annotations]
    assert [answer.label for answer in made] == ["cat"] * 6
    assert {(answer.annotator, answer.is_bulk, answer.lead_time_s) for answer in made} == {
        (desk.people[0], True, None)
    }

    desk.edit(made[0].annotation_id, "cat", annotator=desk.people[0])
    (saved,) = answers(queue, tasks[0].key)
    assert (saved.annotator, saved.is_bulk) == (desk.people[0], False)


def test_imported_copies_are_marked(queue: LabelingQueue, desk: Desk) -> None:
    """Whoever they are imported for; the originals are not."""
    task_id = queue.push([blind(1)])[blind(1).key]
    ann, bob, cyd, _ = desk.people
    for annotator in (ann, bob):
        desk.answer(task_id, annotator, "cat")

    copy_id = desk.import_copy(task_id, {ann: ann, bob: cyd})

    states = {state.task_id: state for page in queue.changed_since(None) for state in page}
    assert [answer.is_bulk for answer in states[task_id].annotations] == [False, False]
    assert [(answer.annotator, answer.is_bulk) for answer in states[copy_id].annotations] == [
        (ann, True),
        (cyd, True),
    ]


def test_a_deleted_account_is_no_name(queue: LabelingQueue, desk: Desk) -> None:
    """Its answers stay, without an author, and are no bulk answers; a copy stays a copy."""
    ids = queue.push([blind(1), blind(2)])
    new = desk.newcomer()
    desk.answer(ids[blind(1).key], new, "cat")
    desk.answer(ids[blind(2).key], desk.people[0], "dog")

    desk.delete_account(new)

    (gone,), (kept,) = answers(queue, blind(1).key), answers(queue, blind(2).key)
    assert (gone.annotator, gone.server_author, gone.label, gone.is_bulk) == (None, None, "cat", False)
    assert (kept.annotator, kept.label) == (desk.people[0], "dog")


def test_the_content_of_a_task_is_what_was_pushed_until_somebody_changes_it(
    queue: LabelingQueue, desk: Desk
) -> None:
    """Answers and requests for more of them change nothing in it."""
    tasks = [review(1), blind(2), disputed(3), known(4)]
    ids = queue.push(tasks)
    desk.answer(ids[tasks[0].key], desk.people[0], "cat")
    queue.ask({ids[tasks[1].key]: 3})

    states = changed(queue)
    assert [states[task.key].content for task in tasks] == [queue.content_of(task) for task in tasks]

    desk.repaint(ids[tasks[1].key])
    states = changed(queue)
    is_as_pushed = [states[task.key].content == queue.content_of(task) for task in tasks]
    assert is_as_pushed == [True, False, True, True]
