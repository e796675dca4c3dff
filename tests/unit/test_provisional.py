"""Provisional labels: answered samples whose label is not sure yet teach the model, and judge none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.adapters.memory import MemoryRegistry, MemoryRuns
from goldloop.consensus.provisional import ProvisionalLabel, provisional_labels
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.core.tasks import NewTask, Purpose
from goldloop.loop.challenger import recipe_digest
from goldloop.loop.ports import LoopPorts
from goldloop.loop.retrain import retrain
from goldloop.scoring.writer import Model
from goldloop.settings.sections import ConsensusSettings, SelectionSettings
from tests.loop import Loop, texts
from tests.unit.labeling_loop import always, gold_by_sample
from tests.unit.retraining_bench import FakeTrainer

UNTIL_SURE = ConsensusSettings(method="posterior", target=0.9, audit_answers=2, repeat_share=0)


def is_spam(task: NewTask) -> str:
    """Answer by the last digit of the sample's id: one in four is spam."""
    return "spam" if int(task.sample_id[-1], 16) % 4 == 0 else "ham"


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """Return a loop where one annotator answers all, and another the audits too, missing half of the spam.

    Disputed audits make every single answer `spam` unsure.
    """
    selection = SelectionSettings(budget_per_round=150, audit_rate=0.3)
    loop = Loop(tmp_path, texts(200), selection, UNTIL_SURE)
    loop.score(Model())
    loop.push()
    loop.work({"1": is_spam})
    loop.work({"2": lambda task: "ham" if int(task.sample_id[0], 16) % 2 else is_spam(task)})
    loop.pull()
    return loop


def test_a_label_that_is_never_sure_is_learnt_all_the_same(loop: Loop) -> None:
    """Gold has no spam to train on, although people found much; the provisional labels have it."""
    in_gold = {record.label for record in loop.gold.records() if record.split is Split.TRAIN}
    provisional = provisional_labels(loop.outcomes().samples)

    assert in_gold == {"ham"}
    assert {one.label for one in provisional} == {"spam"}
    assert len(provisional) > 10
    assert not {one.sample_id for one in provisional} & gold_by_sample(loop).keys()


def test_an_unsettled_audit_has_no_provisional_label(loop: Loop) -> None:
    """Only train samples teach by labels in dispute."""
    outcomes = loop.outcomes().samples
    open_audits = {
        one.evidence.sample_id
        for one in outcomes
        if one.evidence.purpose is Purpose.AUDIT and one.gold_label is None
    }

    assert open_audits
    assert not open_audits & {one.sample_id for one in provisional_labels(outcomes)}


def test_two_people_who_disagree_leave_no_provisional_label(tmp_path: Path) -> None:
    """Neither label is more likely than not."""
    majority = ConsensusSettings(method="majority", max_answers=3, audit_answers=2, repeat_share=0)
    loop = Loop(tmp_path, texts(60), SelectionSettings(budget_per_round=40, overlap=2), majority)
    loop.score()
    loop.push()
    loop.work({"1": always("ham"), "2": always("spam")})
    loop.pull()

    assert loop.outcomes().samples
    assert provisional_labels(loop.outcomes().samples) == []


def with_training(loop: Loop, folder: Path) -> tuple[LoopPorts, FakeTrainer, MemoryRuns]:
    """Return the loop's ports with a trainer, a registry and runs, all in memory."""
    trainer, registry, runs = FakeTrainer(), MemoryRegistry(folder / "models"), MemoryRuns()
    ports = replace(
        loop.ports(),
        open_trainer=lambda _: trainer,
        open_registry=lambda: registry,
        open_runs=lambda: runs,
        plots=lambda _: {},
    )
    return ports, trainer, runs


def test_a_retrain_learns_provisional_labels_and_says_how_many(loop: Loop, tmp_path: Path) -> None:
    """They come after those of gold, which has one label alone here; the same labels are learnt once."""
    ports, trainer, runs = with_training(loop, tmp_path)
    provisional = [one.sample_id for one in provisional_labels(loop.outcomes().samples)]
    in_train = [record.sample_id for record in loop.gold.records() if record.split is Split.TRAIN]

    assert retrain(ports, []) is not None

    assert provisional
    assert trainer.learnt == [*in_train, *provisional]
    params = runs.begun["run-1"].params
    assert (params["n_train"], params["n_provisional"]) == (len(trainer.learnt), len(provisional))
    assert retrain(ports, []) is None


def test_other_provisional_labels_are_another_recipe(loop: Loop) -> None:
    """The digest that decides whether to train again knows samples and labels."""
    one = ProvisionalLabel(SampleId("a" * 64), "ham", "a" * 16)
    digests = [
        recipe_digest(loop.settings, provisional)
        for provisional in ([], [one], [replace(one, label="spam")], [replace(one, sample_id=SampleId("b"))])
    ]

    assert len(set(digests)) == 4
