"""An open round always has somebody to ask while samples wait, and never asks beyond its budget otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.core.errors import EmptyPoolError
from goldloop.core.tasks import NewTask
from goldloop.loop.retrain import check_not_alone
from goldloop.reports.steps import push_rows
from goldloop.scoring.writer import Model
from goldloop.settings.sections import ConsensusSettings, SelectionSettings
from tests.loop import PATIENT, Loop, texts

BUDGET = 20


def untrained(tmp_path: Path, n: int = 200) -> Loop:
    """Return a loop before its first model, with samples that nobody was asked about."""
    selection = SelectionSettings(budget_per_round=BUDGET, audit_rate=0.2)
    loop = Loop(tmp_path, texts(n), selection=selection)
    loop.score()
    return loop


def by_id(task: NewTask) -> str:
    """Answer half of the samples with each label."""
    return ("ham", "spam")[int(task.sample_id[0], 16) % 2]


def answered(loop: Loop, *, as_: str | None) -> int:
    """Push, let everybody answer every task the same, and pull; return how many tasks were new."""
    n_new = loop.push().n_pushed
    loop.work(dict.fromkeys(("1", "2", "3"), lambda _: as_))
    loop.pull()
    return n_new


def test_answers_of_one_label_do_not_end_the_asking(tmp_path: Path) -> None:
    """With a rare label the first answers are all the other one: the round goes on until there are two."""
    loop = untrained(tmp_path)
    n_new = [answered(loop, as_="ham") for _ in range(3)]
    last = loop.push()

    assert min(n_new) > 0
    assert last.n_pushed > 0
    assert last.round == 0


def test_a_round_that_everybody_skips_goes_on(tmp_path: Path) -> None:
    """Other samples are asked about, with as many answers as before."""
    loop = untrained(tmp_path)
    n_new = [answered(loop, as_=None) for _ in range(2)]

    assert min(n_new) > 0


def test_a_round_that_can_close_asks_no_more(tmp_path: Path) -> None:
    """Two labels and a holdout: the next step is the retrain, however often the user pushes."""
    loop = untrained(tmp_path)
    loop.push()
    loop.work({"1": by_id, "2": by_id, "3": by_id})
    loop.pull()

    assert [loop.push().n_planned for _ in range(3)] == [0, 0, 0]


def test_unanswered_tasks_are_not_added_to(tmp_path: Path) -> None:
    """Half of the tasks wait for an answer: there is work, whatever the other half said."""
    loop = untrained(tmp_path)
    loop.push()
    n_tasks = len(loop.queue.tasks)
    for task_id in list(loop.queue.tasks)[: n_tasks // 2]:
        loop.queue.answer(task_id, "1", "ham")
    loop.pull()

    assert loop.push().n_planned == 0
    assert len(loop.queue.tasks) == n_tasks


def test_the_user_is_told_why_more_is_asked(tmp_path: Path) -> None:
    """One sentence names the round, the cause and the number; a push within the budget says no such thing."""
    loop = untrained(tmp_path)
    first = loop.push()
    loop.work({"1": lambda _: "ham"})
    loop.pull()
    report = loop.push()

    assert first.why_more is None
    assert report.why_more == (
        "The budget of round 0 is spent, but its answers do not suffice to train and evaluate a model: the "
        "training samples have only the label 'ham'; training needs two labels. "
        "goldloop requests up to 20 more answers."
    )
    assert report.why_more in [row["what"] for row in push_rows(report)]


def test_nothing_is_said_where_no_sample_is_left(tmp_path: Path) -> None:
    """All samples were asked about: more answers are not promised."""
    loop = untrained(tmp_path, n=12)
    while answered(loop, as_="ham"):
        pass
    report = loop.push()

    assert report.n_planned == 0
    assert report.why_more is None


def test_without_an_audit_more_answers_help_nobody(tmp_path: Path) -> None:
    """A model could be trained, but nothing could ever evaluate it: nobody is asked in vain."""
    selection = SelectionSettings(budget_per_round=BUDGET, audit_rate=0.0)
    loop = Loop(tmp_path, texts(200), selection=selection)
    loop.score()
    loop.push()
    loop.work({"1": by_id})
    loop.pull()
    report = loop.push()

    assert report.n_planned == 0
    assert report.waits_for.startswith("audits: gold has no holdout sample")
    assert "Raise selection.audit_rate (now 0.0)" in report.waits_for


def test_a_budget_that_pays_for_no_task_is_spent(tmp_path: Path) -> None:
    """Of 21 answers, two a task, one is left over for ever: it must not keep the round from going on."""
    selection = SelectionSettings(budget_per_round=21, overlap=2, audit_rate=0.2)
    loop = Loop(tmp_path, texts(200), selection=selection)
    loop.score(Model())
    answered(loop, as_="ham")

    assert loop.push().n_planned > 0


def test_a_missing_holdout_is_asked_for_with_audits_alone(tmp_path: Path) -> None:
    """Everybody skipped the first audits: other audits can help, further training samples cannot."""
    loop = untrained(tmp_path)
    first = loop.push()
    loop.work({who: lambda task: None if task.purpose == "audit" else by_id(task) for who in ("1", "2", "3")})
    loop.pull()
    second = loop.push()

    assert len(first.purposes) > 1
    assert set(second.purposes) == {"audit"}


def test_an_annotator_of_an_earlier_round_is_not_waited_for(tmp_path: Path) -> None:
    """Who worked in round 0 only is asked nothing more: what the others skip in round 1 waits for nobody."""
    loop = Loop(tmp_path, texts(200), SelectionSettings(budget_per_round=BUDGET), consensus=PATIENT)
    loop.score(Model())
    loop.push()
    loop.work({"4": by_id, "3": by_id})
    loop.pull()
    loop.close_round()
    loop.queue.now = loop.clock.now
    loop.push()
    loop.work({"1": lambda _: None, "2": lambda _: None})
    loop.pull()

    assert loop.push().n_planned > 0


def test_one_annotator_alone_learns_the_way_out(tmp_path: Path) -> None:
    """All audits have one answer and each needs two: the reason names a second login, and the settings.

    A second annotator is what helps.
    """
    consensus = ConsensusSettings()
    selection = SelectionSettings(budget_per_round=BUDGET, audit_rate=0.2)
    loop = Loop(tmp_path, texts(200), selection=selection, consensus=consensus)
    loop.score()
    loop.push()
    loop.work({"1": by_id})
    loop.pull()
    with pytest.raises(
        EmptyPoolError, match=r"one annotator.* 2 different.*annotator add.*audit_answers = 1"
    ):
        check_not_alone(loop.state(), consensus)
    loop.work({"2": by_id})
    loop.pull()

    check_not_alone(loop.state(), consensus)
