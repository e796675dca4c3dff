"""Retraining: a challenger is trained, evaluated, decided on and recorded, also after it was killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.core.errors import EmptyPoolError, HoldoutLeakError, ModelError
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.loop.champion import champion_model
from goldloop.loop.retrain import retrain
from goldloop.loop.rollback import rollback
from goldloop.settings import Settings
from goldloop.settings.sections import GateSettings
from goldloop.tables.rounds import read_rounds
from goldloop.tables.traffic import evaluated_holdout
from tests.loop import Killed
from tests.records import gold_record
from tests.unit.retraining_bench import HOLDOUT, TRAIN, Bench, holdout_record, text_id, train_record


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return everything that retraining needs, with four train and four holdout samples."""
    bench = Bench(tmp_path)
    bench.commit(*TRAIN, *HOLDOUT)
    return bench


def test_the_first_model_becomes_champion_and_baseline(bench: Bench) -> None:
    """The round is closed, and run, evaluation and first batch are recorded."""
    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert bench.registry.aliases == {"challenger": "1", "champion": "1", "baseline": "1"}
    assert (record.round, record.outcome, record.n_gold) == (0, "promoted", 8)
    assert read_rounds(bench.tables.rounds) == [record]
    recorded = bench.runs.recorded["run-1"]
    assert recorded.evaluations["challenger"].accuracy.value == 1.0
    assert (recorded.history, recorded.artifacts) == ({"train/loss": (1.0, 0.5)}, {"plots/a.svg": b"<svg/>"})
    assert bench.runs.begun["run-1"].params["n_train"] == 4
    labels = bench.ports.settings.label_set
    assert len(evaluated_holdout(bench.tables, bench.gold.records(), labels, "1")) == 4
    assert bench.notes == ["no pretrained weights"]


def test_the_same_gold_is_not_trained_on_twice(bench: Bench) -> None:
    """A second call returns None; new gold is trained on, and the gate refuses on a small holdout."""
    retrain(bench.ports, bench.notes)

    assert retrain(bench.ports, bench.notes) is None
    bench.commit(*TRAIN, *HOLDOUT, train_record(30))
    second = retrain(bench.ports, bench.notes)

    assert second is not None
    assert (second.round, second.model_version, second.outcome) == (1, "2", "refused")
    assert bench.registry.aliases == {"challenger": "2", "champion": "1", "baseline": "1"}
    verdicts = [bench.registry.descriptions[version].partition("\n")[0] for version in ("1", "2")]
    assert verdicts == ["**The gate promoted this model.**", "**The gate refused this model.**"]
    assert set(second.evaluations) == {"challenger", "champion", "baseline"}
    assert bench.trainer.n_trained == 2


def test_a_retrain_that_was_killed_is_finished_without_training_again(bench: Bench) -> None:
    """Killed after registration, the next retrain evaluates the same model in the same run."""

    def killed(_: object) -> dict[str, bytes]:
        raise Killed

    with pytest.raises(Killed):
        retrain(replace(bench.ports, plots=killed), bench.notes)
    assert "evaluation failed" in bench.runs.failed["run-1"]
    assert "champion" not in bench.registry.aliases

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert (record.model_version, record.mlflow_run_id, bench.trainer.n_trained) == ("1", "run-1", 1)
    assert "broke off after training model 1" in bench.notes[-1]
    assert bench.registry.aliases["champion"] == "1"


def test_a_training_that_fails_closes_its_run_as_failed(bench: Bench) -> None:
    """The reason is in the run, nothing is registered, and no round is closed."""
    bench.trainer.is_broken = True

    with pytest.raises(ModelError, match="out of memory"):
        retrain(bench.ports, bench.notes)

    assert bench.runs.failed == {"run-1": "training failed: out of memory"}
    assert not bench.registry.aliases
    assert not read_rounds(bench.tables.rounds)


def test_a_validation_sample_weighs_as_much_as_it_stands_for(bench: Bench) -> None:
    """Drawn with probability 0.1 it stands for ten samples; the trainer gets a weight for each sample."""
    probabilities = {text_id(31): 0.1, text_id(32): 0.5, text_id(33): 0.25}
    validation = [
        gold_record(
            sample_id, "ham", split=Split.VALIDATION, purpose=Purpose.AUDIT, inclusion_probability=chance
        )
        for sample_id, chance in probabilities.items()
    ]
    bench.commit(*TRAIN, *HOLDOUT, *validation)

    retrain(bench.ports, bench.notes)

    assert dict(zip(bench.trainer.validation, bench.trainer.weights, strict=True)) == {
        sample_id: pytest.approx(1 / chance) for sample_id, chance in probabilities.items()
    }


def test_too_little_gold_is_refused_with_what_is_missing(bench: Bench) -> None:
    """One label cannot be trained on, and without a holdout nothing can be evaluated."""
    bench.commit(train_record(10), train_record(20), *HOLDOUT)
    with pytest.raises(EmptyPoolError, match=r"are 2 train samples of 1 labels .* needs at least two"):
        retrain(bench.ports, bench.notes)
    bench.commit(*TRAIN)
    with pytest.raises(EmptyPoolError, match="has no holdout sample"):
        retrain(bench.ports, bench.notes)


def test_a_first_model_is_replaced_by_one_that_is_no_worse_and_its_successor_is_not(bench: Bench) -> None:
    """Forty holdout samples cannot rule out a drop of 3 points, and nothing speaks for the first model.

    A comparison has preferred the second model, and the user, by a rollback, the first one.
    """
    holdout = [holdout_record(number) for number in (*range(21, 41), *range(60, 80))]
    settings = Settings(name="texts", labels=("ham", "spam"), gate=GateSettings(max_ece=1))
    bench.ports, outcomes = replace(bench.ports, configured=settings), []
    for number in (11, 12, 13):
        bench.commit(*TRAIN, *holdout, train_record(number))
        record = retrain(bench.ports, bench.notes)
        outcomes.append((record.model_version, record.outcome) if record else None)
    rollback(bench.ports, bench.notes, to="1")
    bench.commit(*TRAIN, *holdout, train_record(14))
    after_rollback = retrain(bench.ports, bench.notes)

    assert outcomes == [("1", "promoted"), ("2", "promoted"), ("3", "refused")]
    second = read_rounds(bench.tables.rounds)[1].decision
    assert second is not None
    assert "no comparison has preferred the champion yet" in second.reasons[0]
    assert after_rollback is not None
    assert after_rollback.outcome == "refused"


def test_a_leak_is_refused_before_training(bench: Bench) -> None:
    """A near-duplicate of a holdout sample in train stops the retrain."""
    bench.commit(*TRAIN, *HOLDOUT, replace(train_record(30), group=HOLDOUT[0].group))

    with pytest.raises(HoldoutLeakError, match="Run `goldloop pull`"):
        retrain(bench.ports, bench.notes)
    assert bench.trainer.n_trained == 0


def test_a_rollback_returns_to_the_champion_before(bench: Bench) -> None:
    """Without a version it is the model promoted before the present one; else the one that is named."""
    with pytest.raises(ModelError, match="no champion to roll back from"):
        rollback(bench.ports, bench.notes)
    retrain(bench.ports, bench.notes)
    with pytest.raises(ModelError, match="No model was champion before version 1"):
        rollback(bench.ports, bench.notes)
    with pytest.raises(ModelError, match=r"no version 7 of the model that goldloop registered. It knows 1\."):
        rollback(bench.ports, bench.notes, to="7")
    bench.commit(*TRAIN, *HOLDOUT, train_record(30))
    retrain(bench.ports, bench.notes)

    assert rollback(bench.ports, bench.notes, to="2") == ("1", "2")
    assert champion_model(bench.ports).version == "2"
    assert rollback(bench.ports, bench.notes) == ("2", "1")
    assert champion_model(bench.ports).version == "1"
    assert bench.registry.aliases["champion"] == "1"
