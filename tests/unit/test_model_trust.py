"""Models are what goldloop recorded: no alias, number or file of the registry outweighs the last decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.adapters.memory import MemoryRegistry, memory_tables
from goldloop.core.errors import ModelError
from goldloop.loop.champion import champion_model, champion_problem
from goldloop.loop.policy import settle
from goldloop.loop.retrain import retrain
from goldloop.loop.rollback import rollback
from goldloop.settings.sections import ModelSettings
from goldloop.tables.model_log import read_models
from goldloop.tables.rounds import read_rounds, save_round
from goldloop.training.promotion import FIRST_MODEL
from goldloop.training.verified_registry import VERSION_TAG
from tests.loop import Killed
from tests.unit.retraining_bench import HOLDOUT, TRAIN, Bench, FakeTrainer, train_record


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench whose first model is champion and baseline, with new gold to train on."""
    bench = Bench(tmp_path)
    bench.commit(*TRAIN, *HOLDOUT)
    retrain(bench.ports, bench.notes)
    bench.commit(*TRAIN, *HOLDOUT, train_record(30))
    bench.trainer.loaded.clear()
    bench.notes.clear()
    return bench


def lose_registry(bench: Bench) -> None:
    """Replace the registry by an empty one, as after its database was lost; the workspace's copies stay."""
    bench.registry = MemoryRegistry(bench.folder / "new", bench.registry.copies.folder)


def test_a_champion_whose_alias_is_gone_still_scores(bench: Bench) -> None:
    """No cold start: the decision counts, and a warning names the way to set the alias again."""
    del bench.registry.aliases["champion"]

    model = champion_model(bench.ports)

    assert model.version == "1"
    assert "is gone" in model.warnings[0]
    assert "`goldloop rollback --to 1` to set the alias again" in model.warnings[0]
    assert rollback(bench.ports, bench.notes, to="1") == ("1", "1")
    assert champion_model(bench.ports).warnings == ()


def test_an_alias_that_was_moved_is_a_warning_and_never_scores(bench: Bench) -> None:
    """Whoever moves the alias changes no score; the next decision counts on from the recorded champion."""
    retrain(bench.ports, bench.notes)
    bench.registry.set_alias("champion", "2")
    bench.registry.set_alias("baseline", "2")
    bench.trainer.loaded.clear()

    model = champion_model(bench.ports)

    assert model.version == "1"
    assert [path.name for path in bench.trainer.loaded] == [read_rounds(bench.tables.rounds)[0].model_digest]
    assert "points at version 2, which does not score" in model.warnings[0]
    assert (entry := settle(bench.ports)) is not None
    assert entry.model_version == "1"
    bench.commit(*TRAIN, *HOLDOUT, train_record(30), train_record(40))
    third = retrain(bench.ports, bench.notes)
    assert third is not None
    assert {role: one.model_version for role, one in third.evaluations.items()} == {
        "challenger": "3", "champion": "1", "baseline": "1",
    }  # fmt: skip
    assert any("points at version 2" in note for note in bench.notes)


def test_an_alias_before_any_decision_is_a_strangers(bench: Bench) -> None:
    """A registry that others filled makes nobody champion in a new workspace."""
    ports = replace(bench.ports, tables=memory_tables())

    model = champion_model(ports)

    assert (model.version, model.scorer) == ("none", None)
    assert "goldloop has made no model champion here" in model.warnings[0]
    assert settle(ports) is None


@pytest.mark.parametrize("what", ["version", "registry"])
def test_a_missing_champion_is_an_error_with_a_way_back(bench: Bench, what: str) -> None:
    """Deleted, or lost with the registry: nothing scores, nothing is trained, the gate is not bypassed."""
    if what == "version":
        bench.registry.entries.clear()
        bench.registry.aliases.clear()
    else:
        lose_registry(bench)

    with pytest.raises(ModelError, match=r"Model 1 .* is missing from .*run `goldloop rollback --to 1`"):
        champion_model(bench.ports)
    with pytest.raises(ModelError, match="is missing from"):
        retrain(bench.ports, bench.notes)
    assert bench.trainer.n_trained == 1
    assert "is missing from" in str(champion_problem(bench.ports, read_models(bench.tables).champion))

    assert rollback(bench.ports, bench.notes, to="1") == ("1", "1")

    assert champion_model(bench.ports).version == "1"
    assert bench.registry.aliases["champion"] == bench.registry.aliases["baseline"]
    assert bench.runs.recorded["run-2"].evaluations["challenger"].model_version == "1"
    second = retrain(bench.ports, bench.notes)
    assert second is not None
    assert second.decision is not None
    assert second.decision.rule != FIRST_MODEL
    assert second.evaluations["baseline"].model_version == "1"


def test_a_lost_champion_of_another_preset_comes_back_by_a_trainer_of_its_own(bench: Bench) -> None:
    """The settings name a new preset by now; the graph that MLflow serves is still that of the old one."""
    lose_registry(bench)
    asked: list[str] = []

    def open_trainer(model: ModelSettings) -> FakeTrainer:
        asked.append(model.preset)
        return bench.trainer

    rollback(replace(bench.ports, open_trainer=open_trainer), bench.notes, to="1")

    assert asked[:2] == ["tiny", "length"]


def test_a_number_that_comes_again_is_not_the_same_model(bench: Bench) -> None:
    """A registry that counts from 1 again: the new version 2 gets a name of its own."""
    second = retrain(bench.ports, bench.notes)
    lose_registry(bench)
    rollback(bench.ports, bench.notes, to="1")
    bench.commit(*TRAIN, *HOLDOUT, train_record(30), train_record(40))

    third = retrain(bench.ports, bench.notes)

    assert second is not None
    assert third is not None
    assert third.model_digest is not None
    assert third.model_digest != second.model_digest
    assert (second.model_version, third.model_version) == ("2", f"2-{third.model_digest[:8]}")
    assert champion_model(bench.ports).version == "1"


def test_a_champion_that_is_lost_for_good_is_given_up_by_name(bench: Bench) -> None:
    """Only the user's own word begins anew; the error names it, and the next model is the first again."""
    lose_registry(bench)
    bench.registry.prune_copies(())
    with pytest.raises(ModelError, match="with `none` to go on without a champion"):
        rollback(bench.ports, bench.notes, to="1")

    assert rollback(bench.ports, bench.notes, to="none") == ("1", "none")

    assert champion_model(bench.ports).scorer is None
    assert settle(bench.ports) is None
    with pytest.raises(ModelError, match="no champion to roll back from"):
        rollback(bench.ports, bench.notes)
    record = retrain(bench.ports, bench.notes)
    assert record is not None
    assert record.decision is not None
    assert record.decision.rule == FIRST_MODEL
    assert set(record.evaluations) == {"challenger"}
    assert record.model_version == f"1-{str(record.model_digest)[:8]}"
    assert champion_model(bench.ports).version == record.model_version


def test_files_changed_in_the_registry_are_refused_before_they_are_loaded(bench: Bench) -> None:
    """Without a copy in the workspace nothing scores, until the recorded files are back."""
    kept = bench.registry.folder / "1" / "model.txt"
    content = kept.read_bytes()
    kept.write_text("other weights")
    bench.registry.prune_copies(())

    for _ in range(2):
        with pytest.raises(ModelError, match=r"The files of model 1 at .* were changed.*not loaded"):
            champion_model(bench.ports)
    with pytest.raises(ModelError, match="neither in the registry nor in the workspace"):
        rollback(bench.ports, bench.notes, to="1")
    assert bench.trainer.loaded == []

    kept.write_bytes(content)
    assert champion_model(bench.ports).version == "1"


def test_files_changed_in_the_registry_stop_a_retrain_and_are_replaced_by_the_copy(bench: Bench) -> None:
    """The copy goes on scoring; a decision waits until the registry gives out the champion again."""
    (bench.registry.folder / "1" / "card.json").write_text('{"labels": ["spam", "ham"]}')

    assert champion_model(bench.ports).version == "1"
    with pytest.raises(ModelError, match=r"no longer gives out the files .*`goldloop rollback --to 1`"):
        retrain(bench.ports, bench.notes)
    assert bench.trainer.n_trained == 1

    rollback(bench.ports, bench.notes, to="1")

    assert bench.notes[0].startswith("registered model 1 (digest ")
    assert (champion_model(bench.ports).version, bench.registry.aliases["champion"]) == ("1", "2")
    assert retrain(bench.ports, bench.notes) is not None


def test_a_changed_version_that_calls_itself_registered_again_is_replaced_all_the_same(bench: Bench) -> None:
    """Tags are as easily set as files; the newest registration counts, and its files are compared."""
    (bench.registry.folder / "1" / "model.txt").write_text("other weights")
    forged = bench.registry.entries["1"]
    bench.registry.entries["1"] = replace(forged, tags={**forged.tags, VERSION_TAG: "1"})

    rollback(bench.ports, bench.notes, to="1")

    assert bench.registry.aliases["champion"] == "2"
    assert retrain(bench.ports, bench.notes) is not None


def test_a_copy_that_was_changed_is_refused_and_brought_back(bench: Bench) -> None:
    """Labels turned round in the workspace's own folder are noticed too."""
    digest = read_rounds(bench.tables.rounds)[0].model_digest
    assert digest is not None
    card = bench.registry.copies.path(digest) / "card.json"
    card.write_text('{"labels": ["spam", "ham"]}')

    with pytest.raises(ModelError, match=r"The files of model 1 in .* were changed"):
        champion_model(bench.ports)
    assert bench.trainer.loaded == []

    rollback(bench.ports, bench.notes, to="1")
    assert not card.exists()
    assert champion_model(bench.ports).version == "1"


def test_a_challenger_put_in_place_of_ours_is_never_promoted(bench: Bench, tmp_path: Path) -> None:
    """After a kill, a stranger's version under our alias and with our tags is not taken for ours."""

    def killed(_: object) -> dict[str, bytes]:
        raise Killed

    with pytest.raises(Killed):
        retrain(replace(bench.ports, plots=killed), bench.notes)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "model.txt").write_text("says spam to everything")
    tags = dict(bench.registry.entries["2"].tags)
    bench.registry.register(stranger, mlflow_run_id="run-2", tags=tags)
    bench.registry.set_alias("challenger", "3")

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert (record.model_version, bench.trainer.n_trained) == ("2", 2)


def test_a_lost_baseline_is_left_out_and_noted(bench: Bench) -> None:
    """Another model is never called the baseline, and its loss does not stop the loop."""
    bench.ports = replace(
        bench.ports, configured=bench.ports.settings.model_copy(update={"gate": lenient(bench)})
    )
    second = retrain(bench.ports, bench.notes)
    assert second is not None
    assert second.is_promoted
    del bench.registry.entries["1"]
    bench.commit(*TRAIN, *HOLDOUT, train_record(30), train_record(40))

    third = retrain(bench.ports, bench.notes)

    assert third is not None
    assert set(third.evaluations) == {"challenger", "champion"}
    assert any("The baseline is left out: Model 1" in note for note in bench.notes)


def lenient(bench: Bench) -> object:
    """Return gate settings that promote a tie on four samples."""
    changes = {"min_holdout": 1, "margin": 1.0, "max_class_fall": 1, "max_ece": 1}
    return bench.ports.settings.gate.model_copy(update=changes)


def test_only_copies_that_may_be_needed_stay(bench: Bench) -> None:
    """Champion, the one before it, baseline and newest challenger; older ones go."""
    for number in (31, 32, 33):
        bench.commit(*TRAIN, *HOLDOUT, *(train_record(n) for n in range(30, number + 1)))
        retrain(bench.ports, bench.notes)

    rounds = read_rounds(bench.tables.rounds)
    kept = {path.name for path in bench.registry.copies.folder.iterdir()}
    assert kept == {rounds[0].model_digest, rounds[-1].model_digest}


def test_a_champion_from_before_digests_is_believed_once(bench: Bench) -> None:
    """Its digest is recorded when it is first loaded; from then on its files cannot be changed."""
    (record,) = read_rounds(bench.tables.rounds)
    ports = replace(bench.ports, tables=memory_tables())
    save_round(ports.tables.rounds, replace(record, model_digest=None))

    assert champion_model(ports).version == "1"

    champion = read_models(ports.tables).champion
    assert champion is not None
    assert champion.digest == record.model_digest
