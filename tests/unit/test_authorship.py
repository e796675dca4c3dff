"""Authorship: an answer counts for who gave it, and stays theirs when the server forgets them."""

from __future__ import annotations

from pathlib import Path

from goldloop.core.tasks import Purpose
from goldloop.tables.counts import annotation_counts
from tests.loop import Loop
from tests.unit.labeling_loop import always, gold_by_sample, pushed


def audits(loop: Loop) -> list[int]:
    """Return the ids of the audit tasks, which want two answers each."""
    tasks = loop.queue.tasks.items()
    return [task_id for task_id, task in tasks if task.pushed.purpose is Purpose.AUDIT]


def test_an_answer_in_a_colleagues_name_counts_for_who_saved_it(tmp_path: Path) -> None:
    """One account cannot give both independent answers; the task goes to somebody else, and it is told."""
    loop = pushed(tmp_path)
    for task_id in audits(loop):
        loop.queue.answer(task_id, "1", "ham")
        loop.queue.answer(task_id, "1", "ham", author="2")

    report = loop.pull()

    n = len(audits(loop))
    assert loop.gold.records() == []
    assert len(report.misnamed) == 1
    assert report.misnamed[0].endswith(
        "under the name of annotator 2: annotator 1 saved the answer, for whom it counts"
    )
    assert loop.pull().misnamed == []
    assert report.follow_ups is not None
    assert report.follow_ups.asked["uncounted"] == n
    loop.work({"3": always("ham")})
    loop.pull()
    assert {record.annotators for record in loop.gold.records() if record.purpose is Purpose.AUDIT} == {
        ("1", "3")
    }


def test_who_changes_a_colleagues_answer_answers_for_it(tmp_path: Path) -> None:
    """The changed label is the vote of the account that changed it, never the colleague's."""
    loop = pushed(tmp_path)
    task_id, *_ = audits(loop)
    given = loop.queue.answer(task_id, "1", "ham")
    loop.queue.answer(task_id, "2", "ham")
    loop.pull()
    assert len(loop.gold.records()) == 1

    loop.queue.edit(given, "spam", annotator="2")
    report = loop.pull()

    assert len(report.misnamed) == 1
    assert loop.gold.records() == []
    (evidence,) = (
        evidence
        for evidence in loop.state().evidence.values()
        if evidence.sample_id == loop.queue.tasks[task_id].pushed.sample_id
    )
    assert {vote.annotator: vote.label for vote in evidence.votes} == {"2": "spam"}


def test_who_saves_a_colleagues_answer_unchanged_takes_nothing_from_them(tmp_path: Path) -> None:
    """A lead who marks an answer as ground truth is the last to have saved it, and gave no answer."""
    loop = pushed(tmp_path)
    task_id, *_ = audits(loop)
    given = loop.queue.answer(task_id, "1", "ham")
    loop.queue.answer(task_id, "2", "ham")
    loop.pull()
    before = loop.gold.records()

    loop.queue.edit(given, "ham", annotator="lead")
    report = loop.pull()

    assert (report.misnamed, report.gold_version) == ([], None)
    assert loop.gold.records() == before


def test_answers_of_deleted_accounts_stay_their_authors(tmp_path: Path) -> None:
    """Two people who left stay two people, and their labels stay gold."""
    loop = pushed(tmp_path)
    loop.work({"2": always("ham"), "3": always("ham")})
    loop.pull()
    before = gold_by_sample(loop)
    assert ("2", "3") in {record.annotators for record in before.values()}

    loop.queue.delete_account("2")
    loop.queue.delete_account("3")
    for task in loop.queue.tasks.values():  # any later change of its task lists an answer again
        task.updated_at = loop.queue.now
    report = loop.pull()

    assert gold_by_sample(loop) == before
    assert (report.problems, report.n_edited) == ([], 0)
    assert annotation_counts(loop.state().snapshot.annotations).annotators == 2


def test_an_author_whom_goldloop_never_saw_is_nobody(tmp_path: Path) -> None:
    """Answers of accounts deleted before the pull do not vote; they are listed, and asked again."""
    loop = pushed(tmp_path)
    loop.work({"2": always("ham"), "3": always("ham")})
    loop.queue.delete_account("2")
    loop.queue.delete_account("3")

    report = loop.pull()

    assert loop.gold.records() == []
    assert loop.outcomes().answers == []
    assert [sentence.partition(" by ")[2] for sentence in report.problems] == [
        "an unknown author: the account of its author was deleted before goldloop saw the answer"
    ]
    assert annotation_counts(loop.state().snapshot.annotations).annotators == 0
    loop.work({"4": always("spam"), "5": always("spam")})
    loop.pull()
    assert {record.label for record in loop.gold.records()} == {"spam"}


def test_an_imported_copy_of_answers_votes_for_nobody(tmp_path: Path) -> None:
    """The originals count once, for their authors; the importer gets no vote."""
    loop = pushed(tmp_path)
    loop.work({"1": always("ham"), "2": always("ham")})
    loop.pull()
    before, answers = gold_by_sample(loop), loop.outcomes().answers
    for task_id in list(loop.queue.tasks):
        loop.queue.import_copy(task_id, authors={"1": "1", "2": "importer"})

    report = loop.pull()

    assert gold_by_sample(loop) == before
    assert loop.outcomes().answers == answers
    assert report.n_refused == len(answers)
    counts = annotation_counts(loop.state().snapshot.annotations)
    assert (counts.answers, counts.refused, counts.annotators) == (len(answers), len(answers), 2)
    assert report.follow_ups is not None
    assert "uncounted" not in report.follow_ups.asked
