"""Limits of exposure: minutes of severe content a day, and labels that somebody does not want to see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldloop.core.annotations import Grounds
from goldloop.loop.exposure import exposure, severe_minutes
from goldloop.settings.moderation import ModerationSettings
from goldloop.settings.sections import SelectionSettings
from tests.loop import Loop, texts

SEVERE, MILD = Grounds("strong"), Grounds("mild")


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """A loop of texts whose model has scored everything; three people have answered something."""
    loop = Loop(tmp_path, texts(80), SelectionSettings(budget_per_round=40, audit_rate=0.1))
    limited(loop)
    loop.score()
    loop.push()
    for task, annotator in zip(list(loop.queue.tasks), ("7", "8", "9"), strict=False):
        loop.queue.answer(task, annotator, "ham")
    loop.pull()
    return loop


def limited(loop: Loop, minutes: float | None = None, **opt_out: tuple[str, ...]) -> None:
    """Set the limits; annotator 7 is written n7, as a name must not begin with a digit."""
    wishes = {name.removeprefix("n"): labels for name, labels in opt_out.items()}
    moderation = ModerationSettings(acceptable="ham", max_severe_minutes=minutes, opt_out=wishes)
    loop.settings = loop.settings.model_copy(update={"moderation": moderation})


def spam_tasks(loop: Loop) -> set[int]:
    """Return the open tasks that the model holds for spam."""
    tasks = loop.state().snapshot.tasks
    found = set()
    for task_id, task in loop.queue.tasks.items():
        probs = tasks[task.pushed.key].plan.probs
        if not task.answers and probs and probs[1] > probs[0]:
            found.add(task_id)
    return found


def spend(loop: Loop, minutes: float, grounds: Grounds, annotator: str = "7") -> None:
    """Let an annotator answer three open tasks in so many minutes in all."""
    free = [task_id for task_id, task in loop.queue.tasks.items() if not task.answers]
    for task_id in free[:3]:
        loop.queue.answer(task_id, annotator, "spam", grounds=grounds, lead_time_s=20 * minutes)


def test_who_has_spent_their_minutes_gets_no_more_of_it(loop: Loop) -> None:
    """After a pull the tasks that are likely spam are open to all others, and the rest to everybody."""
    limited(loop, 2.0)
    spend(loop, 3.0, SEVERE)

    loop.clock.now = loop.queue.now
    loop.pull()

    barred = {task_id for task_id, task in loop.queue.tasks.items() if "7" in task.pushed.barred}
    assert barred == spam_tasks(loop) != set()
    assert not any("8" in task.pushed.barred for task in loop.queue.tasks.values())
    assert any(not task.answers for task_id, task in loop.queue.tasks.items() if task_id not in barred)


@pytest.mark.parametrize(("minutes", "grounds"), [(1.0, SEVERE), (3.0, MILD)])
def test_less_time_or_milder_content_bars_nobody(loop: Loop, minutes: float, grounds: Grounds) -> None:
    """The limit counts what the annotator called severe."""
    limited(loop, 2.0)
    spend(loop, minutes, grounds)
    loop.pull()

    assert exposure(loop.state(), loop.settings, now=loop.queue.now).barred == {}


def test_the_next_day_begins_anew(loop: Loop) -> None:
    """Minutes count by the calendar day of the schedule's time zone."""
    limited(loop, 2.0)
    spend(loop, 3.0, SEVERE)
    loop.pull()
    state, now = loop.state(), loop.queue.now

    assert severe_minutes(state, loop.settings, now=now) == {"7": pytest.approx(3.0)}
    assert severe_minutes(state, loop.settings, now=now + timedelta(days=1)) == {}
    assert exposure(state, loop.settings, now=now + timedelta(days=1)).barred == {}


def test_whoever_opted_out_of_a_label_does_not_get_it(loop: Loop) -> None:
    """The wish holds from the push on, whatever they have seen today."""
    limited(loop, n8=("spam",))
    loop.pull()

    barred = {task_id for task_id, task in loop.queue.tasks.items() if "8" in task.pushed.barred}
    assert barred == spam_tasks(loop) != set()


def test_a_task_keeps_who_it_needs(loop: Loop) -> None:
    """Where everybody opted out, nobody is kept from it, and the report counts the tasks."""
    limited(loop, n7=("spam",), n8=("spam",), n9=("spam",))

    found = exposure(loop.state(), loop.settings, now=datetime.now(UTC))

    assert found.barred == {}
    assert found.n_unkept == len(spam_tasks(loop)) > 0
    report = loop.pull()
    assert report.follow_ups is not None
    assert (report.follow_ups.n_spared, report.follow_ups.n_unspared) == (0, found.n_unkept)


def test_without_limits_nothing_is_computed(loop: Loop) -> None:
    """Neither images nor a team without wishes pay for it."""
    limited(loop)
    assert exposure(loop.state(), loop.settings, now=datetime.now(UTC)).barred == {}
    loop.settings = loop.settings.model_copy(update={"moderation": None})
    assert exposure(loop.state(), loop.settings, now=datetime.now(UTC)).barred == {}
