"""The briefing of analysts: what stands beside a record is that of the decision, kept with its plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goldloop.core.ports import ReasonedScorer
from goldloop.core.tasks import Purpose
from goldloop.labeling.losses import Decision
from goldloop.labeling.task_reconciliation import reconcile
from goldloop.loop.briefing import N_EARLIER, briefed, strongest_reasons
from goldloop.loop.champion import champion_model
from goldloop.loop.policy import explain_sample
from goldloop.loop.push import push
from goldloop.tables.batches import read_samples
from goldloop.tables.predictions import read_predictions
from goldloop.tables.task_log import TaskLog
from tests.unit.test_record_loop import OWN_AMOUNTS, RecordLoop

SHOWN = {
    "policy": {"kind": "cost"},
    "cost": OWN_AMOUNTS["cost"] | {"quick_accuracy": 0.995, "minute": 20.0},
    "suggestions": {"hidden_share": 0.3},
}
"""Prices at which most payments are worth a quick review and few a full one."""


@pytest.fixture(scope="module", params=["lightgbm", "logistic"])
def loop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RecordLoop:
    """A workspace of payments after two rounds, with tasks that nobody has answered yet."""
    loop = RecordLoop(tmp_path_factory.mktemp("payments"), request.param, SHOWN)
    push(loop.ports)
    for _ in range(2):
        loop.round()
    return loop


def test_what_is_shown_is_what_decided(loop: RecordLoop) -> None:
    """Risk, costs and reasons are those of the prediction, in the table and on the server."""
    tables, scorer = loop.ports.tables, champion_model(loop.ports).scorer
    assert isinstance(scorer, ReasonedScorer)
    plans = {key: status.plan for key, status in TaskLog(tables).statuses().items()}
    champion = champion_model(loop.ports).version
    assessed = {key: plan for key, plan in plans.items() if plan.assessment}
    newest = {key: plan for key, plan in assessed.items() if plan.model_version == champion}

    assert newest
    for key, plan in newest.items():
        prediction = read_predictions(tables, [plan.sample_id])[plan.sample_id]
        assert plan.assessment is not None
        assert prediction.probs is not None
        assert plan.assessment.risk == pytest.approx(1 - prediction.probs[0], abs=1e-5)
        assert plan.assessment.costs == pytest.approx(
            explain_sample(loop.ports, plan.sample_id).costs, abs=1e-3
        )
        payload = loop.ports.modality.store.load(plan.sample_id).payload
        assert [dict(plan.assessment.reasons)] == strongest_reasons(scorer.contributions([payload]), 0)
        (task,) = [one.pushed for one in loop.queue.tasks.values() if one.pushed.key == key]
        assert task.assessment == plan.assessment
        assert "risk of 100" in loop.ports.modality.task_data(task, str)["records"]


def test_blind_tasks_hold_nothing_of_the_model(loop: RecordLoop) -> None:
    """Audits, seeds, full reviews, rechecks, honeypots, adjudications and hidden suggestions."""
    tasks = [task.pushed for task in loop.queue.tasks.values()]
    blind = [task for task in tasks if task.suggestion is None]

    assert {Purpose.SEED, Purpose.AUDIT, Purpose.REVIEW} <= {task.purpose for task in blind}
    assert all(task.assessment is None for task in blind)
    assert all(task.assessment for task in tasks if task.suggestion)
    for task in blind:
        html = loop.ports.modality.task_data(task, str)["records"]
        assert not [word for word in ("risk", "cost", "model", "gl-bar") if word in html]


def test_every_task_has_the_payments_of_the_customer_before_it(loop: RecordLoop) -> None:
    """At most five, none later, of the same customer, with the label that gold had when it was planned."""
    tasks = [task.pushed for task in loop.queue.tasks.values()]
    with_earlier = [task for task in tasks if task.earlier]
    modality = loop.ports.modality

    assert {task.purpose for task in with_earlier} >= {Purpose.AUDIT, Purpose.REVIEW, Purpose.ONBOARDING}
    assert {label for task in with_earlier for label in task.earlier.values()} == {"", "genuine", "fraud"}
    for task in with_earlier:
        ids = [task.sample_id, *task.earlier]
        moments = [modality.columns(one)["at"] for one in ids]
        samples = read_samples(loop.ports.tables, ids)
        assert len(ids) <= N_EARLIER + 1
        assert moments == sorted(moments, reverse=True)
        assert moments[0] not in moments[1:]
        assert len({samples[one].entity for one in ids}) == 1
        assert all(label in ("", loop.truth[one]) for one, label in task.earlier.items())


def test_a_task_shows_the_same_when_its_plan_comes_back(loop: RecordLoop) -> None:
    """What annotators see is kept with the plan, so a full comparison finds no altered task."""
    context = loop.ports.labeling()
    reconciled = reconcile(context, context.read_state(), decision=Decision.DROP, is_full=True)

    assert reconciled.n_gone == 0
    live = TaskLog(loop.ports.tables).statuses().values()
    contents = {one.key: one.content for one in live if one.is_live and one.content}
    for task in loop.queue.tasks.values():
        if task.pushed.key in contents:
            assert contents[task.pushed.key] == loop.queue.content_of(task.pushed)


def test_a_damaged_record_does_not_stop_a_push(loop: RecordLoop) -> None:
    """Its plan is as it was; the push reports the record as lost."""
    status = next(one for one in TaskLog(loop.ports.tables).statuses().values() if one.plan.assessment)
    key = status.plan.key.replace(status.plan.sample_id, "0" * 64)
    (plan,) = briefed(loop.ports, [replace(status.plan, key=key, assessment=None, entity=None)])

    assert plan.assessment is None
