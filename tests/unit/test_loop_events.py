"""The events that the tables tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from goldloop.adapters.memory import memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.loop_events import EventName
from goldloop.drift.checks import Check, Drift
from goldloop.drift.history import Seen
from goldloop.loop.events import falling_annotators, find_events, lost_tasks
from goldloop.routing.policies import Band, Policy, PolicyEntry, Suspended
from goldloop.tables.batches import read_seen, save_batch
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import save_round
from goldloop.training.promotion import Decision, RoundRecord, evaluate
from tests.loop import Loop, texts
from tests.unit.assessed_answers import measured
from tests.unit.test_annotator_pace import rounds

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LABELS = LabelSet(("ham", "spam"))


@pytest.mark.parametrize("is_promoted", [True, False])
def test_a_decision_of_the_gate(is_promoted: bool) -> None:
    """Its reasons and the accuracy of the model that scores now come with it; an older one is no news."""
    tables = memory_tables()
    evaluation = evaluate(
        np.array([[0.8, 0.2], [0.3, 0.7]]), np.array([0, 1]), labels=LABELS, model_version="4",
        split="holdout", gold_version=7, gold_digest="d",
    )  # fmt: skip
    roles = {"champion": replace(evaluation, model_version="3"), "challenger": evaluation}
    decision = Decision(is_promoted, "rule", ("the interval allows a drop",), "4", "3", None)
    for number, age in enumerate((2 * DAY, DAY / 2)):
        at, outcome = NOW - age, "promoted" if is_promoted else "refused"
        save_round(
            tables.rounds,
            RoundRecord(number, at, 7, "d", 2, 2, "4", outcome, decision, roles, None, {}),
        )

    (event,) = find_events(tables, since=NOW - DAY)

    assert event.name is (EventName.MODEL_PROMOTED if is_promoted else EventName.MODEL_REFUSED)
    assert event.title == f"round 1: model 4 {'promoted' if is_promoted else 'refused'}"
    assert event.lines[0] == "the interval allows a drop"
    assert event.lines[1].startswith(f"model {'4' if is_promoted else '3'} scores now: 1.000 [")
    assert event.at == NOW - DAY / 2


def test_drift_of_a_batch(tmp_path: Path) -> None:
    """Each batch that differs is an event with what moved; one that does not differ is none."""
    loop = Loop(tmp_path, texts(20))
    loop.score()
    (seen,) = read_seen(loop.tables.batches)
    assert find_events(loop.tables, since=seen.scored_at - DAY) == []
    moved = Check((Drift("labels", "spam", 0.1, 0.4, "spam: 40.0 % instead of 10.0 %"),), 20, 100)
    later = seen.scored_at + DAY
    save_batch(loop.tables.batches, Seen("cameras", "1", later, seen.sketch, moved))

    (event,) = find_events(loop.tables, since=later - DAY / 2)

    assert (event.name, event.lines) == (EventName.DRIFT_FOUND, ("spam: 40.0 % instead of 10.0 %",))
    assert event.title == "the files of cameras differ from what model 1 saw before"


def test_a_policy_that_becomes_suspended() -> None:
    """A settling that leaves it suspended is no event, and a suspension that comes back is one."""
    tables, band = memory_tables(), Band(0.4, 0.7)
    states: list[Policy] = [band, Suspended(band), Suspended(band), band, Suspended(band)]
    for hour, policy in enumerate(states):
        at = NOW + timedelta(hours=hour)
        entry = PolicyEntry(policy, "1", hour, ("suspended",), (f"{hour} audits are wrong",), at)
        PolicyLog(tables.policies).settle(entry)

    events = find_events(tables, since=NOW - DAY)

    assert [event.at.hour - NOW.hour for event in events] == [1, 4]
    assert {event.name for event in events} == {EventName.POLICY_SUSPENDED}
    assert events[0].lines == ("1 audits are wrong", "suspended")
    assert [event.at.hour - NOW.hour for event in find_events(tables, since=NOW + timedelta(hours=2))] == [4]


def test_an_annotator_who_falls() -> None:
    """The event names the pseudonym and the change; one who is steady is none."""
    fallen, steady = measured(rounds(19, 19, 20, 9)), measured(rounds(19, 19, 20, 18))

    assert falling_annotators([steady]).present == {}
    ((annotator, (title, lines)),) = falling_annotators([fallen, steady]).present.items()
    assert title == f"annotator {annotator} is worse than before"
    assert lines[0].startswith("change of accuracy in the newest rounds: -0.")


def test_lost_tasks_stand_until_they_are_settled() -> None:
    """The sentence with the choices of the user is in it."""
    ((_, lines),) = lost_tasks("4 of 4 tasks are gone").present.values()
    assert lines == ("4 of 4 tasks are gone",)
    assert lost_tasks(None).present == {}
