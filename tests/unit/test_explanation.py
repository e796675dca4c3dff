"""`goldloop policy explain` says why a sample went where it went."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldloop.core.errors import SourceError
from goldloop.core.lanes import Lane
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose
from goldloop.routing.explanation import Explanation, explain
from goldloop.routing.fit import KnownPeople, cost_policy
from goldloop.routing.policies import Band, Supported, Suspended, Target
from goldloop.scoring.score import Model
from goldloop.settings import Settings
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.predictions import find_prediction
from goldloop.tables.task_log import TaskLog
from tests.loop import Loop, texts
from tests.policy_stage import BAND, N, Stage, made_stage, sample, spam


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return the workspace of these tests."""
    return made_stage(tmp_path)


def explained(tables: Tables, settings: Settings, prefix: str) -> Explanation:
    """Explain the one sample whose id begins with `prefix`, as the tables know it."""
    prediction = find_prediction(tables, prefix)
    tasks = TaskLog(tables).statuses().values()
    return explain(
        prediction,
        settings,
        policies=[entry.policy for entry in PolicyLog(tables.policies).entries()],
        asked={task.purpose for task in tasks if task.sample_id == prediction.sample_id},
    )


@pytest.mark.parametrize(
    ("number", "lane", "rule"),
    [
        (0, Lane.REVIEW, "confidence 0.5000 is inside the band of 0.4 to 0.7, both ends included"),
        (59, Lane.AUTO, "confidence 0.9900 is above the band of 0.4 to 0.7"),
    ],
)
def test_a_band_is_explained(stage: Stage, number: int, lane: Lane, rule: str) -> None:
    """Lane, label, confidence and the rule with its numbers; the beginning of an id is enough."""
    told = json.loads(stage.run("policy", "explain", sample(number)[:12], "--json").stdout)
    words = stage.run("policy", "explain", sample(number)).stdout

    assert (told["lane"], told["label"], told["policy"]) == (lane, "spam", "band[0.4,0.7]")
    assert told["confidence"] == pytest.approx(spam(number))
    assert told["rule"][0].startswith(rule)
    assert rule in words


def test_a_cost_policy_is_explained_by_three_costs(stage: Stage) -> None:
    """Accepting, a quick review and a full review, each with its amount; the lane's is the least."""
    policy, _ = cost_policy(stage.workspace.settings, KnownPeople())
    stage.settle(policy)
    stage.reroute(30, policy)

    found = explained(stage.tables, stage.workspace.settings, sample(30))

    assert found.policy == policy.version
    assert min(found.costs, key=lambda action: found.costs[action]) == "quick review"
    assert found.costs["take for spam"] == pytest.approx(2.0 * (1 - spam(30)))
    assert f"take for spam {2.0 * (1 - spam(30)):.3f}" in found.rule[0]


def test_a_target_is_explained_by_its_threshold(stage: Stage) -> None:
    """And by what audits show from there on."""
    policy = Target(0.98, 0.05, 0.9)
    stage.settle(policy)
    stage.reroute(59, policy)

    (rule,) = explained(stage.tables, stage.workspace.settings, sample(59)).rule

    assert "accepted from confidence 0.9000, where audits show 98.0% with certainty 95%" in rule


def test_a_recalled_policy_is_explained_with_its_recall(stage: Stage) -> None:
    """First the rule itself, then that audits overrule it."""
    stage.settle(Suspended(BAND))
    stage.reroute(59, Suspended(BAND))

    found = explained(stage.tables, stage.workspace.settings, sample(59))

    assert found.lane is Lane.REVIEW
    assert "above the band" in found.rule[0]
    assert "audits show too many errors" in found.rule[1]


@pytest.mark.parametrize(
    ("threshold", "lane", "words"),
    [
        (None, Lane.REVIEW, "audits do not yet support that the model accepts labels"),
        (0.5, Lane.AUTO, "audits support what is accepted from confidence 0.5000 on"),
    ],
)
def test_what_audits_support_is_told(stage: Stage, threshold: float | None, lane: Lane, words: str) -> None:
    """First the rule itself, then how far audits support it."""
    policy = Supported(BAND, threshold)
    stage.settle(policy)
    stage.reroute(59, policy)

    found = explained(stage.tables, stage.workspace.settings, sample(59))

    assert found.lane is lane
    assert "above the band" in found.rule[0]
    assert words in found.rule[1]


def test_a_policy_that_no_log_holds_is_not_made_up(stage: Stage) -> None:
    """Its name and lane are told, and that the rule is not known."""
    stage.reroute(59, Band(0.2, 0.3))

    (rule,) = explained(stage.tables, stage.workspace.settings, sample(59)).rule

    assert "log does not hold this policy" in rule


def test_the_audit_and_what_people_were_asked_are_told(tmp_path: Path) -> None:
    """Reserved samples are asked for the audit, and the others are not."""
    loop = Loop(tmp_path, texts(60))
    loop.score()
    loop.push()
    asked = {one.pushed.sample_id: one.pushed.purpose for one in loop.queue.tasks.values()}

    for sample_id, purpose in asked.items():
        found = explained(loop.tables, loop.settings, sample_id)
        assert found.asked == (str(purpose),)
        assert found.is_reserved == (purpose is Purpose.AUDIT)
        assert found.is_reserved == (found.audit_number < found.audit_probability)


@pytest.mark.parametrize(("prefix", "n"), [("", N), ("zz", 0)])
def test_an_id_that_names_no_single_sample_is_refused(stage: Stage, prefix: str, n: int) -> None:
    """The error counts the samples that it could mean."""
    with pytest.raises(SourceError, match=f"{n} scored samples have an id that begins with '{prefix}'"):
        explained(stage.tables, stage.workspace.settings, prefix)


def test_a_sample_that_no_model_has_scored_is_explained_too(tmp_path: Path) -> None:
    """It is held, nothing is said of a model or a policy, and what is missing is named."""
    loop = Loop(tmp_path, texts(3))
    loop.score(Model())
    (first, *_) = loop.tables.predictions.read(["sample_id"])["sample_id"].to_pylist()

    found = explained(loop.tables, loop.settings, first)

    assert found.lane is Lane.HOLD
    assert found.rule == ("no model has scored it yet; the first model is trained on answers to seed tasks",)
    assert "decided by" not in str(found)
