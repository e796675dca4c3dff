"""The policy log and rerouting: what is in force, why, and what a new policy makes of old predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from goldloop.adapters.memory import memory_tables
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.routing.policies import Band, Policy, PolicyEntry, Suspended, Target, reroute
from goldloop.tables.counts import conservation
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.predictions import (
    newest_predictions,
    predictions_under_other_policies,
    save_lane_changes,
)
from tests.loop import Loop, texts

ENTRY = PolicyEntry(
    policy=Target(0.98, 0.05, 0.9),
    model_version="3",
    gold_version=7,
    reasons=("accepts from 0.90 on",),
    warnings=(),
    settled_at=datetime(2026, 3, 2, tzinfo=UTC),
)


def test_the_newest_policy_of_a_model_is_in_force() -> None:
    """Each model has its own; entries come back as they were put in, oldest first."""
    log = PolicyLog(memory_tables().policies)
    suspended = replace(ENTRY, policy=Suspended(ENTRY.policy), warnings=("too many errors",))
    other = replace(ENTRY, model_version="4", policy=Band(0.2, 0.6))

    assert log.in_force("3") is None
    assert all([log.settle(ENTRY), log.settle(suspended), log.settle(other)])

    assert log.entries() == [ENTRY, suspended, other]
    assert log.in_force("3") == suspended
    assert log.in_force("4") == other


def test_settling_what_is_in_force_writes_nothing() -> None:
    """The log holds changes, not repetitions; a later moment or newer gold alone is none."""
    log = PolicyLog(memory_tables().policies)
    log.settle(ENTRY)

    assert not log.settle(replace(ENTRY, settled_at=datetime(2026, 3, 9, tzinfo=UTC), gold_version=8))
    assert log.entries() == [ENTRY]


def test_a_model_that_becomes_champion_again_is_settled_again() -> None:
    """After a rollback the newest entry is the present champion's, as it was before."""
    log = PolicyLog(memory_tables().policies)
    later = replace(ENTRY, model_version="4")
    for entry in (ENTRY, later, ENTRY):
        assert log.settle(entry)

    assert [one.model_version for one in log.entries()] == ["3", "4", "3"]


def rerouted(
    loop: Loop,
    policy: Policy,
    *,
    model_version: str = "1",
    is_wanted: Callable[[SampleId], bool] = lambda _: True,
) -> Counter[str]:
    """Reroute what `model_version` scored, save it, and return the moves."""
    predictions = predictions_under_other_policies(
        loop.tables, model_version=model_version, policy=policy, is_wanted=is_wanted
    )
    changes = reroute(predictions, policy, LabelSet.of(["ham", "spam"]))
    save_lane_changes(loop.tables, [new for _, new in changes], policy=policy, at=loop.clock())
    return Counter(f"{old.lane} -> {new.lane}" for old, new in changes)


def test_a_new_policy_reroutes_without_asking_the_model_again(tmp_path: Path) -> None:
    """Only samples whose lane changes get a new row, with the new policy; everything else stays."""
    loop = Loop(tmp_path, texts(60))
    loop.score()
    before = conservation(loop.tables)
    n_rows = len(loop.tables.predictions.read())
    wide = Band(0.4, 0.99)

    moves = rerouted(loop, wide)
    after = conservation(loop.tables)

    assert moves == {"auto -> review": before.auto - after.auto}
    assert moves["auto -> review"] > 0
    assert len(loop.tables.predictions.read()) == n_rows + moves["auto -> review"]
    rows = newest_predictions(loop.tables, ["policy"]).to_pylist()
    assert {row["policy"] for row in rows if 0.7 < row["confidence"] <= 0.99} == {wide.version}
    assert not rerouted(loop, wide)


def test_other_models_and_unwanted_samples_are_not_rerouted(tmp_path: Path) -> None:
    """What people were asked about, and what another model said, keeps its decision."""
    loop = Loop(tmp_path, texts(20))
    loop.score()

    nobody = Suspended(loop.policy)  # type: ignore[arg-type]
    assert not rerouted(loop, nobody, is_wanted=lambda _: False)
    assert not rerouted(loop, nobody, model_version="2")


def test_a_sample_keeps_the_audit_probability_of_its_first_prediction(tmp_path: Path) -> None:
    """Rescored by another model it may be surer; how likely it is audited was fixed on arrival."""
    loop = Loop(tmp_path, texts(30), audit_probabilities=lambda probs: probs.min(axis=1))
    loop.score()
    first = dict(_chances(loop))
    loop.audit_probabilities = lambda probs: np.full(len(probs), 0.5)
    loop.score_pool(replace(loop.model, version="2"))

    assert dict(_chances(loop)) == first
    assert len(set(first.values())) > 5


def _chances(loop: Loop) -> list[tuple[str, float]]:
    rows = newest_predictions(loop.tables, ["audit_probability"]).to_pylist()
    return [(row["sample_id"], row["audit_probability"]) for row in rows]
