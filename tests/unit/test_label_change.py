"""A changed label set: columns belong to names, nothing is lost, and the change is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from goldloop.cli.main import app, main
from goldloop.core.errors import LabelError, PolicyError
from goldloop.core.labels import LabelSet
from goldloop.core.lanes import Lane
from goldloop.core.probs import column_names, over_labels, stored_probs
from goldloop.core.tasks import NewTask
from goldloop.loop.label_change import label_effect
from goldloop.loop.policy import reroute_pool
from goldloop.routing.fit import KnownPeople, cost_policy
from goldloop.routing.policies import Band
from goldloop.routing.settle import is_asked_for
from goldloop.scoring.writer import Model
from goldloop.settings import Settings
from goldloop.settings.costs import CostSettings
from goldloop.settings.label_record import LabelChange, check_labels, label_change, save_labels
from goldloop.settings.sections import ConsensusSettings, PolicySettings, SelectionSettings
from goldloop.settings.workspace import Workspace
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.predictions import newest_predictions
from goldloop.tables.traffic import evaluated_holdout, read_traffic
from tests.loop import Loop, texts
from tests.memory_texts import LABELS, LengthScorer
from tests.policy_stage import made_stage, sample, spam

SWAPPED = LabelSet.of(["spam", "ham"])
LONGER = LabelSet.of(["eggs", "ham", "spam"])


def with_labels(settings: Settings, labels: LabelSet) -> Settings:
    """Return `settings` with another label set, as an edited goldloop.toml has."""
    return Settings.model_validate(settings.model_dump() | {"labels": labels.names})


def labelled(folder: Path) -> Loop:
    """Return a loop with gold that answers and the model's predictions decide together."""
    selection = SelectionSettings(budget_per_round=400, audit_rate=0.02)
    loop = Loop(folder, texts(200), selection, consensus=ConsensusSettings(), policy=Band(0.4, 0.99))
    loop.score()
    loop.push()

    def truly(task: NewTask) -> str:
        return "spam" if len(loop.store.kept[task.sample_id]) > 50 else "ham"

    loop.work({"1": truly})
    loop.pull()
    return loop


@pytest.mark.parametrize("labels", [SWAPPED, LONGER], ids=["reordered", "added in front"])
def test_no_gold_label_is_lost_and_no_sample_is_asked_again(tmp_path: Path, labels: LabelSet) -> None:
    """Stored probabilities are read by name: gold stays, and no annotator is asked about it once more."""
    loop = labelled(tmp_path)
    before = {record.sample_id: record.label for record in loop.gold.records()}
    n_tasks = len(loop.queue.tasks)

    loop.settings = with_labels(loop.settings, labels)
    loop.queue.labels = labels
    loop.pull()

    assert len(before) > 10
    assert {record.sample_id: record.label for record in loop.gold.records()} == before
    assert len(loop.queue.tasks) == n_tasks


def test_an_answer_with_a_label_that_the_model_did_not_know_stands_alone(tmp_path: Path) -> None:
    """A model that could not have said the label says nothing against the answer."""
    loop = labelled(tmp_path)
    loop.settings = with_labels(loop.settings, LONGER)
    loop.queue.labels = LONGER
    review = next(task_id for task_id, task in loop.queue.tasks.items() if task.pushed.suggestion)
    loop.queue.answer(review, "2", "eggs")
    loop.pull()

    of_sample = {sample.evidence.sample_id: sample.evidence for sample in loop.outcomes().samples}
    assert of_sample[loop.queue.tasks[review].pushed.sample_id].voted.probs is None


def test_traffic_and_holdout_are_read_by_name(tmp_path: Path) -> None:
    """Every figure that rests on stored probabilities is the same under another order."""
    stage = made_stage(tmp_path)
    names = {"label_names": column_names(LABELS)}
    for name in ("predictions", "evaluations"):
        table = getattr(stage.tables, name)
        table.append([row | names | {"model_version": "2"} for row in table.read().to_pylist()])
    records = GoldStore(stage.tables.gold).records()

    swapped = evaluated_holdout(stage.tables, records, SWAPPED, "2")
    straight = evaluated_holdout(stage.tables, records, LABELS, "2")

    assert swapped.probs[:, ::-1].tolist() == straight.probs.tolist()
    is_no_tie = straight.probs[:, 0] != 0.5
    assert swapped.is_right[is_no_tie].tolist() == straight.is_right[is_no_tie].tolist()


def test_a_champion_from_before_the_change_scores_over_the_labels_of_now(tmp_path: Path) -> None:
    """Its probabilities, its label and the names stand in the new order; what it does not know has 0."""
    loop = Loop(tmp_path, texts(40))
    loop.score(Model("1", LengthScorer(), LONGER))

    rows = newest_predictions(loop.tables).to_pylist()
    probs = read_traffic(loop.tables, LONGER).probs

    assert {row["label_names"] for row in rows} == {column_names(LONGER)}
    assert {row["label"] for row in rows} == {"ham", "spam"}
    assert all(row["label"] == LONGER[int(np.argmax(row["probs"]))] for row in rows)
    assert (probs[:, 0] == 0).all()


def test_a_cost_policy_names_its_rows_and_is_settled_anew(tmp_path: Path) -> None:
    """A policy over another order of labels is not the one that settings ask for; rerouting reads by name."""
    loop = Loop(tmp_path, texts(60))
    loop.score()
    costs = CostSettings(errors={"ham": {"spam": 40.0}, "spam": {"ham": 0.5}})
    chosen = {"policy": PolicySettings(kind="cost").model_dump(), "cost": costs.model_dump()}
    straight = Settings.model_validate(loop.settings.model_dump() | chosen)
    swapped = with_labels(straight, SWAPPED)

    def lanes(settings: Settings) -> dict[str, str]:
        policy, _ = cost_policy(settings, KnownPeople())
        reroute_pool(replace(loop.ports(), configured=settings), "1", policy, ())
        return {row["sample_id"]: row["lane"] for row in newest_predictions(loop.tables).to_pylist()}

    flat = cost_policy(with_labels(loop.settings, SWAPPED), KnownPeople())[0]
    assert not is_asked_for(flat, straight)
    assert lanes(straight) == lanes(swapped)
    assert set(lanes(swapped).values()) > {Lane.AUTO}


def test_a_cost_policy_for_other_labels_is_not_compared_with_others(tmp_path: Path) -> None:
    """`policy tune` says what settles it anew; a sample that it placed is explained with its own labels."""
    stage = made_stage(tmp_path)
    straight = Settings.model_validate(
        stage.workspace.settings.model_dump()
        | {"policy": {"kind": "cost"}, "cost": {"errors": {"ham": {"spam": 40.0}}}}
    )
    policy, _ = cost_policy(straight, KnownPeople())
    stage.settle(policy)
    stage.reroute(30, policy)
    before = stage.run("policy", "explain", sample(30), "--json").stdout
    edited(stage.workspace, LabelSet.of(["ham", "spam", "eggs"]))
    stage.run("labels", "--accept")

    with pytest.raises(PolicyError, match=r"settled for the labels \['ham', 'spam'\]"):
        stage.run("policy", "tune")
    assert stage.run("policy", "explain", sample(30), "--json").stdout == before


def test_rows_over_other_labels_are_moved_by_name() -> None:
    """Newer labels get 0; the share of a removed label goes to the others; old rows keep their places."""
    names = [column_names(LABELS), column_names(LONGER), None]

    moved = stored_probs([[0.25, 0.75], [0.5, 0.25, 0.25], [0.125, 0.875]], names, SWAPPED)

    assert moved.tolist() == [[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]]
    assert over_labels([[1.0, 0.0, 0.0]], LONGER.names, SWAPPED).tolist() == [[0.5, 0.5]]
    assert stored_probs([], [], SWAPPED).shape == (0, 2)


# What the user is told and runs


def edited(workspace: Workspace, labels: LabelSet) -> None:
    """Edit the labels in goldloop.toml by hand."""
    path = workspace.root / "goldloop.toml"
    lines = path.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("labels = ")]
    path.write_text("\n".join([f"labels = {list(labels)}".replace("'", '"'), *kept]))


def run(workspace: Workspace, *words: str) -> Result:
    """Run a command in the workspace."""
    return CliRunner().invoke(app, [*words, "--workspace", str(workspace.root)])


@pytest.mark.parametrize("command", [("status",), ("score",), ("pull",), ("gold", "log")])
def test_a_changed_label_set_stops_every_command_with_both_ways_on(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """The error names the change, the command that shows its effect, and the way back."""
    workspace = Workspace.create(tmp_path / "w", labels=["ham", "spam"])
    edited(workspace, LabelSet.of(["spam", "eggs"]))

    error = run(workspace, *command).exception

    assert isinstance(error, LabelError)
    for part in ("added ['eggs']", "removed ['ham']", "`goldloop labels`", "put the labels back"):
        assert part in str(error)


def test_a_change_is_shown_and_then_accepted(tmp_path: Path) -> None:
    """Without --accept nothing changes; with it the commands work again."""
    workspace = made_stage(tmp_path).workspace
    edited(workspace, LabelSet.of(["ham", "spam", "eggs"]))

    shown = run(workspace, "labels").stdout
    assert "ham, spam, eggs" in shown
    assert "eggs nothing until the next retrain" in shown
    assert "next: goldloop labels --accept" in shown
    assert label_change(workspace.root, LabelSet.of(["ham", "spam", "eggs"])) is not None

    assert "accepted" in run(workspace, "labels", "--accept").stdout
    assert run(workspace, "gold", "log").exit_code == 0
    assert "ham, spam, eggs" in run(workspace, "labels").stdout


def test_a_label_that_answers_use_cannot_be_removed(tmp_path: Path) -> None:
    """Their number is told, and what to do; the record stays as it was."""
    loop = labelled(tmp_path)
    shorter = LabelSet.of(["spam", "eggs"])

    effect = label_effect(loop.tables, with_labels(loop.settings, shorter), LabelChange(LABELS, shorter))

    n_ham = sum(answer.label == "ham" for answer in loop.outcomes().answers)
    assert effect.lost_answers == {"ham": n_ham}
    with pytest.raises(LabelError, match=f"'ham' by {n_ham}"):
        effect.check()


def test_an_unused_label_is_removed_and_gold_stays(tmp_path: Path) -> None:
    """What gold keeps is counted before anything happens."""
    loop = labelled(tmp_path)

    effect = label_effect(loop.tables, loop.settings, LabelChange(LONGER, LABELS))

    effect.check()
    assert effect.gold == {"stay": len(loop.gold.records()), "change": 0, "lost": 0}
    assert effect.n_open_tasks == len(loop.state().snapshot.live)


def test_rows_that_do_not_name_their_columns_keep_their_order(tmp_path: Path) -> None:
    """Predictions of an earlier release would be misread: only labels at the end may be added."""
    stage = made_stage(tmp_path)
    settings = stage.workspace.settings
    change = LabelChange(LABELS, SWAPPED)

    with pytest.raises(LabelError, match="did not name their columns"):
        label_effect(stage.tables, with_labels(settings, SWAPPED), change).check()
    longer = LabelSet.of(["ham", "spam", "eggs"])
    label_effect(stage.tables, with_labels(settings, longer), LabelChange(LABELS, longer)).check()
    assert read_traffic(stage.tables, longer).probs[:, 1].max() == pytest.approx(spam(59))


def test_a_workspace_without_a_record_gets_one(tmp_path: Path) -> None:
    """A workspace of an earlier release goes on as it is; a later edit is noticed."""
    check_labels(tmp_path, LABELS)
    with pytest.raises(LabelError, match="another order"):
        check_labels(tmp_path, SWAPPED)
    save_labels(tmp_path, SWAPPED)
    check_labels(tmp_path, SWAPPED)


def test_the_error_is_one_sentence_for_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every expected failure: exit code 1 and no traceback."""
    workspace = Workspace.create(tmp_path / "w", labels=["ham", "spam"])
    edited(workspace, SWAPPED)
    monkeypatch.setattr("sys.argv", ["goldloop", "status", "-w", str(workspace.root)])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("error: the labels in ")
