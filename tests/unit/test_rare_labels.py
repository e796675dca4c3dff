"""Rare labels: where the holdout has too few frauds, those that people found since judge the challenger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.loop import rare_labels
from goldloop.loop.challenger import fit
from goldloop.loop.push import push
from goldloop.loop.retrain import retrain
from goldloop.tables.gold_store import Gold, GoldStore
from goldloop.training.evaluate import caught_difference
from goldloop.training.ports import TrainedModel, Trainer
from tests.record_loop import OWN_AMOUNTS, RecordLoop

RARE, LEAST = 0.08, 4
COST = {**OWN_AMOUNTS["cost"], "minute": 20.0}  # so dear that nobody looks at what is hardly a fraud
SETTINGS = {**OWN_AMOUNTS, "cost": COST, "gate": {"min_guarded": LEAST, "min_holdout": 20, "max_ece": 1}}


@dataclass
class NeverFraud:
    """Trains models to which frauds are genuine payments, but for one."""

    trainer: Trainer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trainer, name)

    def train(
        self,
        train: Sequence[tuple[SampleId, int]],
        validation: Sequence[tuple[SampleId, int]],
        **others: Any,
    ) -> TrainedModel:
        """Train on wrong labels."""
        kept = max(sample_id for sample_id, column in train if column == 1)
        taught = [(one, int(one == kept)) for one, _ in train]
        return self.trainer.train(taught, [(one, 0) for one, _ in validation], **others)


@pytest.fixture
def loop(tmp_path: Path) -> RecordLoop:
    """Return a workspace with a champion, few frauds in the holdout, and frauds found since."""
    made = RecordLoop(tmp_path, "lightgbm", SETTINGS, share=RARE)
    push(made.ports)
    made.round()
    made.answer()
    return made


def second(loop: RecordLoop) -> tuple[str, str]:
    """Close the second round, and return what became of the challenger, and why."""
    record = loop.round().record
    assert record is not None
    assert record.decision is not None
    n_frauds = sum(
        one.label == "fraud" and one.split is Split.HOLDOUT
        for one in GoldStore(loop.ports.tables.gold).records()
    )
    assert n_frauds < LEAST
    return record.outcome, " ".join(record.decision.reasons)


def test_frauds_that_are_new_to_the_champion_judge_a_challenger(loop: RecordLoop) -> None:
    """Before, the gate refused every challenger of a workspace whose audits had met no fraud."""
    assert "train samples of fraud that are new to the champion" in second(loop)[1]


def test_a_challenger_that_never_says_fraud_is_refused(loop: RecordLoop) -> None:
    """It was taught frauds as genuine payments; the new frauds tell it from the champion."""
    trainer = loop.ports.open_trainer(loop.ports.settings.model)
    loop.ports = replace(loop.ports, open_trainer=lambda _: NeverFraud(trainer))
    outcome, why = second(loop)

    assert outcome == "refused", why
    assert "train samples); gate.max_class_fall allows" in why


def test_what_the_champion_learnt_and_what_belongs_to_it_judges_nothing(
    loop: RecordLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New frauds of new customers judge, and no model that judges them has learnt from their customers."""
    known = {one.cluster for one in GoldStore(loop.ports.tables.gold).records()}
    learnt: list[set[str]] = []

    def seen(ports: Any, gold: Gold, others: Sequence[Any], **more: Any) -> TrainedModel:
        learnt.append({one.cluster for one in (*gold.records, *others)})
        return fit(ports, gold, others, **more)

    judged: list[set[str]] = []
    compare = caught_difference

    def compared(records: Sequence[Any], *probs: Any, **more: Any) -> Any:
        judged.append({one.cluster for one in records})
        assert {one.label for one in records} == {"fraud"}
        assert {one.split for one in records} == {Split.TRAIN}
        return compare(records, *probs, **more)

    monkeypatch.setattr(rare_labels, "fit", seen)
    monkeypatch.setattr(rare_labels, "caught_difference", compared)
    second(loop)

    (clusters,) = judged
    assert not clusters & known
    assert len(learnt) == rare_labels.N_PARTS
    assert all(any(cluster not in part for part in learnt) for cluster in clusters)
    assert all(len(clusters & part) < len(clusters) for part in learnt)
    assert retrain(loop.ports, []) is None
