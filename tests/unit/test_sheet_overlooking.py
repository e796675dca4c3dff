"""What people overlook on sheets: how their answers weigh, and who and what gets no more sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldloop.adapters.derived_file import DerivedFile
from goldloop.consensus import settled_votes
from goldloop.core.ports import NothingKept
from goldloop.core.questions import DEFERRAL
from goldloop.core.tasks import Purpose
from tests.sheet_loop import SheetLoop, begun, loop

__all__ = ["loop"]


def test_who_misses_planted_errors_gets_no_more_sheets(loop: SheetLoop) -> None:
    """A careless person is barred from open sheets and new ones; the careful one goes on."""
    loop.push()
    planted = {plan.key: plan for plan in loop.planned(Purpose.PLANTED)}
    assert len(planted) >= 4
    for task_id, task in list(loop.queue.tasks.items()):
        if task.pushed.key in planted:
            loop.queue.answer(task_id, "9", str(planted[task.pushed.key].suggested_label))
    loop.queue.answer(_open(loop), "1", DEFERRAL)  # the other one of the team looks on
    loop.settings = loop.settings.model_copy(
        update={"sheets": loop.settings.sheets.model_copy(update={"max_missed": 0.02})}
    )
    loop.pull()

    still = [task for task in loop.queue.tasks.values() if task.pushed.purpose is Purpose.SHEET]
    assert still
    assert all("9" in task.pushed.barred for task in still if not task.answers)
    assert loop.queue.next_for("9", purpose=Purpose.SHEET) is None
    assert loop.queue.next_for("1", purpose=Purpose.SHEET) is not None


def test_where_everybody_misses_planted_errors_their_samples_are_asked_singly(loop: SheetLoop) -> None:
    """Open sheets go, and their samples come back to the pool."""
    loop.push()
    for task_id, task in list(loop.queue.tasks.items()):
        if task.pushed.purpose is Purpose.PLANTED:
            for who in ("1", "2", "3"):
                loop.queue.answer(task_id, who, str(task.pushed.suggestion and task.pushed.suggestion.label))
    before, gold = {plan.sample_id for plan in loop.planned(Purpose.SHEET)}, loop.gold_labels()
    loop.settings = loop.settings.model_copy(
        update={"sheets": loop.settings.sheets.model_copy(update={"max_missed": 0.02})}
    )
    report = loop.pull()

    assert report.follow_ups is not None
    assert report.follow_ups.n_withdrawn >= len(before)
    assert loop.gold_labels() == gold, "what people say of planted errors is no vote about them"
    assert loop.planned(Purpose.SHEET) == []
    assert not any(task.pushed.purpose is Purpose.SHEET for task in loop.queue.tasks.values())
    loop.push()
    assert loop.planned(Purpose.SHEET) == []
    asked = {plan.sample_id for plan in loop.planned(Purpose.REVIEW)}
    assert before & asked


def _open(loop: SheetLoop) -> int:
    tasks = loop.queue.tasks.items()
    return next(id_ for id_, task in tasks if task.pushed.purpose is Purpose.SHEET and not task.answers)


def test_an_unclicked_sample_weighs_what_its_annotator_overlooks(loop: SheetLoop) -> None:
    """Planted errors say how much each person misses, and their silence counts accordingly."""
    loop.push()
    for place, (task_id, task) in enumerate(list(loop.queue.tasks.items())):
        suggestion = task.pushed.suggestion
        if task.pushed.purpose is Purpose.PLANTED and suggestion is not None:
            loop.queue.answer(task_id, "8", DEFERRAL)
            loop.queue.answer(task_id, "9", suggestion.label)
        elif task.pushed.purpose is Purpose.SHEET and suggestion is not None:
            loop.queue.answer(task_id, "89"[place % 2], suggestion.label)
    loop.pull()

    outcomes = loop.outcomes()
    n = len(loop.planned(Purpose.PLANTED))
    assert n >= 5
    assert outcomes.overlooked == pytest.approx({"8": 2 / (n + 20), "9": (n + 2) / (n + 20)})
    sure: dict[str, list[float]] = {"8": [], "9": []}
    for one in outcomes.samples:
        for who, share in one.evidence.voted.overlooked.items():
            assert share == outcomes.overlooked[who]
            if one.evidence.voted.probs and one.consensus.label is not None:
                odds = one.consensus.posterior[one.consensus.label] / max(one.evidence.voted.probs)
                sure[who].append(odds)
    assert sure["8"]
    assert sure["9"]
    assert np.mean(sure["8"]) > np.mean(sure["9"])


def test_pulls_that_go_on_from_the_one_before_see_sheets_as_whole_pulls_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer on a sheet moves what all answers of its author weigh, so that nothing stands still."""

    monkeypatch.setattr(settled_votes, "ALL_UP_TO", 8)
    monkeypatch.setattr(settled_votes, "STEP", 4.0)

    def answered(*, keeps: bool) -> str:
        folder = tmp_path / str(keeps)
        folder.mkdir()
        made = begun(folder, standing=DerivedFile(folder / "standing.jsonl") if keeps else NothingKept())
        made.push()
        for _ in range(3):
            made.pull()
        tasks = [id_ for id_, task in made.queue.tasks.items() if task.pushed.sheet]
        for task_id in tasks[:30]:
            made.queue.answer(task_id, "1", made.looks_over(made.queue.tasks[task_id].pushed))
            made.pull()
        return made.gold.newest().digest

    assert answered(keeps=True) == answered(keeps=False)
