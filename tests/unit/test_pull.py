"""Pulling: edits replace, deletions retract, skips never vote; gold changes only when something changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from goldloop.core.errors import GoldVersionError, ServiceUnreachableError
from goldloop.core.splits import Split
from goldloop.labeling.context import LabelingContext, LoopState
from goldloop.labeling.pull import PullReport, pull_annotations
from goldloop.settings.sections import SelectionSettings
from goldloop.tables.counts import annotation_counts, task_counts
from tests.loop import Loop, killed_before_commit, texts


def pushed(tmp_path: Path, **selection: int) -> Loop:
    """Return a loop with a budget of twenty answers."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(**({"budget_per_round": 20} | selection)))
    loop.score()
    loop.push()
    return loop


def test_answers_become_gold_and_a_second_pull_changes_nothing(tmp_path: Path) -> None:
    """Twenty answers make version 1; pulling again makes no version."""
    loop = pushed(tmp_path)
    loop.answer_all()

    assert loop.pull().gold_version == 1
    assert loop.pull().gold_version is None
    assert len(loop.gold.records()) == 20
    assert [version.version for version in loop.gold.log()] == [1, 0]


def test_edits_replace_deletions_retract_and_skips_do_not_vote(tmp_path: Path) -> None:
    """The whole life of an answer, seen through gold."""
    loop = pushed(tmp_path)
    first, second, third, *_ = loop.queue.tasks
    annotation_id = loop.queue.answer(first, "1", "ham")
    two = loop.queue.answer(second, "1", "spam")
    loop.queue.skip(third, "1")
    loop.pull()
    assert sorted(record.label for record in loop.gold.records()) == ["ham", "spam"]

    loop.queue.edit(annotation_id, "spam")
    loop.queue.retract(two)
    report = loop.pull()

    assert (report.n_edited, report.n_retracted) == (1, 1)
    assert [record.label for record in loop.gold.records()] == ["spam"]
    counts = annotation_counts(loop.state().snapshot.annotations)
    assert (counts.answers, counts.skips, counts.retracted) == (1, 1, 1)


def test_a_pull_makes_gold_of_what_an_interrupted_pull_has_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another pull merges after this one has read the tables, and ends before it has made gold."""
    loop = pushed(tmp_path)
    loop.answer_all()

    def overtaken(context: LabelingContext, state: LoopState, *args: Any, **kwargs: Any) -> PullReport:
        pull_annotations(loop.context(), loop.state())
        return pull_annotations(context, state, *args, **kwargs)

    monkeypatch.setattr("goldloop.loop.pull.pull_annotations", overtaken)

    assert loop.pull().gold_version == 1
    assert len(loop.gold.records()) == 20


def test_an_edit_there_and_back_makes_no_version(tmp_path: Path) -> None:
    """Gold is content, not history: the same label by the same votes is the same version."""
    loop = pushed(tmp_path)
    annotation_id = loop.queue.answer(next(iter(loop.queue.tasks)), "1", "ham")
    loop.pull()
    loop.queue.edit(annotation_id, "spam")
    loop.queue.edit(annotation_id, "ham")
    assert loop.pull().gold_version is None


def test_two_annotators_are_kept_apart_and_a_tie_is_no_gold(tmp_path: Path) -> None:
    """With overlap 2, one answer waits, two different ones are a dispute, two equal ones are gold."""
    loop = pushed(tmp_path, overlap=2)
    first, second, third, *_ = loop.queue.tasks
    loop.queue.answer(first, "1", "ham")
    loop.queue.answer(second, "1", "ham")
    loop.queue.answer(second, "2", "spam")
    loop.queue.answer(third, "1", "spam")
    loop.queue.answer(third, "2", "spam")

    report = loop.pull()

    assert (report.n_waiting, report.n_disputed) == (1, 1)
    (record,) = loop.gold.records()
    assert (record.label, record.n_votes, record.annotators) == ("spam", 2, ("1", "2"))


def test_an_annotator_who_answers_twice_has_one_vote(tmp_path: Path) -> None:
    """An annotator's newest annotation counts."""
    loop = pushed(tmp_path, overlap=2)
    first = next(iter(loop.queue.tasks))
    loop.queue.answer(first, "1", "ham")
    loop.queue.answer(first, "1", "spam")
    assert loop.pull().n_waiting == 1
    assert loop.gold.records() == []


def test_a_label_outside_the_set_is_reported_and_never_votes(tmp_path: Path) -> None:
    """The server accepts any label; gold does not."""
    loop = pushed(tmp_path)
    loop.queue.answer(next(iter(loop.queue.tasks)), "1", "eggs")
    report = loop.pull()
    assert "'eggs'" in report.problems[0]
    assert loop.gold.records() == []
    assert annotation_counts(loop.state().snapshot.annotations).invalid == 1


def test_a_deleted_task_takes_its_answer_out_of_gold_and_may_be_asked_again(tmp_path: Path) -> None:
    """A task deleted on the server retracts its annotations; the sample returns to the pool."""
    loop = pushed(tmp_path)
    loop.answer_all()
    loop.pull()
    victim = next(iter(loop.queue.tasks))
    key = loop.queue.tasks[victim].pushed.key
    loop.queue.delete([victim])

    loop.pull()

    assert len(loop.gold.records()) == 19
    loop.push()
    assert key in loop.queue.all_tasks().values()


@pytest.mark.parametrize("n_commits", range(4))
def test_a_pull_killed_at_any_commit_is_healed_by_the_next(tmp_path: Path, n_commits: int) -> None:
    """Whichever page or gold commit is the last before the kill, the digest ends the same."""
    whole = pushed(tmp_path / "whole")
    whole.answer_all()
    whole.pull()
    loop = pushed(tmp_path / "killed")
    loop.queue.page_size = 8
    loop.answer_all()

    with killed_before_commit("merge_next", n_commits):
        loop.pull()
    loop.pull()

    assert loop.gold.newest().digest == whole.gold.newest().digest


def test_a_server_that_is_down_is_an_error_and_loses_nothing(tmp_path: Path) -> None:
    """The pull fails by name, and the next one has everything."""
    loop = pushed(tmp_path)
    loop.answer_all()
    loop.queue.is_down = True
    with pytest.raises(ServiceUnreachableError):
        loop.pull()
    loop.queue.is_down = False
    loop.pull()
    assert len(loop.gold.records()) == 20


def test_old_versions_read_back_the_same_and_foreign_changes_are_noticed(tmp_path: Path) -> None:
    """Every version keeps its digest; a version that never was is an error."""
    loop = pushed(tmp_path)
    digests = {}
    for task_id in list(loop.queue.tasks)[:5]:
        loop.queue.answer(task_id, "1", "ham")
        version = loop.pull().gold_version
        assert version is not None
        digests[version] = loop.gold.newest().digest
    assert {version: loop.gold.version(version).digest for version in digests} == digests
    assert [len(loop.gold.records(version)) for version in sorted(digests)] == [1, 2, 3, 4, 5]
    with pytest.raises(GoldVersionError, match="no gold version 99"):
        loop.gold.records(99)


def test_chosen_samples_train_and_drawn_ones_judge(tmp_path: Path) -> None:
    """Review labels go to train; audit labels to validation and holdout, half and half by chance."""
    loop = Loop(
        tmp_path, texts(400), SelectionSettings(budget_per_round=120, audit_rate=0.3, audit_share=0.9)
    )
    loop.score()
    loop.push()
    loop.answer_all()
    loop.pull()
    for record in loop.gold.records():
        assert (record.split is Split.TRAIN) == (record.purpose == "review")
    splits = [record.split for record in loop.gold.records()]
    assert splits.count(Split.HOLDOUT) > 20
    assert splits.count(Split.VALIDATION) > 20
    assert task_counts(loop.state().snapshot).answered == 120
