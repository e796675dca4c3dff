"""Live suggestions: only what the plan of a task says that its annotator sees, and only from the champion."""

from __future__ import annotations

import pytest

from goldloop.core.tasks import Purpose, task_key
from tests.live_tasks import HINT, LiveTasks, sample


@pytest.fixture
def tasks() -> LiveTasks:
    """Two models: the first has planned task 1, the champion task 2; both have scored all samples."""
    made = LiveTasks()
    made.score("1", dict.fromkeys(range(20), "cat"), confidence=0.58)
    made.plan("1", [1, 3])
    made.crown("1")
    made.score("2", {number: "dog" if number == 3 else "cat" for number in range(20)}, confidence=0.71)
    made.crown("2")
    made.plan("2", [2])
    return made


def test_a_task_of_an_earlier_model_gets_the_champions_probability(tasks: LiveTasks) -> None:
    """The label is the one that the task records, the score that of the champion now."""
    key = task_key(sample(1), Purpose.REVIEW)

    (suggestion,) = tasks.live.suggest([key]).values()

    assert (suggestion.label, suggestion.score, suggestion.model_version) == ("cat", 0.71, "2")
    assert suggestion.hint == HINT
    assert tasks.live.version() == "2"


def test_a_champion_that_says_something_else_says_nothing(tasks: LiveTasks) -> None:
    """The record of what the annotator saw would be wrong."""
    assert tasks.live.suggest([task_key(sample(3), Purpose.REVIEW)]) == {}


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.OUTCOME])
def test_no_blind_task_has_a_suggestion(tasks: LiveTasks, purpose: Purpose) -> None:
    """Audit, full review, second answer, appeal, onboarding, dispute, and the hidden arm of reviews."""
    tasks.plan("2", [7], purpose=purpose, is_shown=False)

    assert tasks.live.suggest([task_key(sample(7), purpose)]) == {}
    assert tasks.live.version() == "2"


def test_tasks_that_are_gone_or_not_goldloops_have_none(tasks: LiveTasks) -> None:
    """A lost task and a key that nobody planned are answered with nothing."""
    gone = task_key(sample(1), Purpose.REVIEW)
    tasks.lose(gone)

    assert tasks.live.suggest([gone, task_key(sample(9), Purpose.REVIEW), "somebody's own"]) == {}


def test_between_a_promotion_and_the_next_push_nothing_is_suggested(tasks: LiveTasks) -> None:
    """Annotators still see the suggestions of the model before, and two models at once would be shown."""
    tasks.score("3", dict.fromkeys(range(20), "cat"), confidence=0.9)
    tasks.crown("3")

    assert tasks.live.suggest([task_key(sample(1), Purpose.REVIEW)]) == {}
    assert tasks.live.version() == "2"
    tasks.plan("3", [4])
    assert tasks.live.suggest([task_key(sample(1), Purpose.REVIEW)])


def test_without_a_model_there_is_no_version() -> None:
    """Nothing is planned with a suggestion, and none is given."""
    assert LiveTasks().live.version() is None
    assert LiveTasks().live.suggest([task_key(sample(1), Purpose.REVIEW)]) == {}
