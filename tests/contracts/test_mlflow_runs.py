"""MLflow runs on a real MLflow server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldloop.core.codec import to_plain
from goldloop.core.errors import (
    ModelError,
)
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.training.checks import CheckCase, CheckReport, tally
from goldloop.training.ports import TrainingRecord, check_metrics_of, metrics_of
from goldloop.training.promotion import evaluate
from tests.contracts.trained_models import START, record


@pytest.mark.servers
def test_a_run_holds_parameters_data_version_figures_and_decision(
    mlflow_url: str, saved: Path, tmp_path: Path
) -> None:
    """Everything a later reader needs stands in the run: nothing but the files is needed to understand it."""
    from mlflow import MlflowClient

    from goldloop.adapters.mlflow_registry import MlflowRegistry
    from goldloop.adapters.mlflow_runs import MlflowRuns

    runs = MlflowRuns(mlflow_url, "whole")
    mlflow_run_id = runs.begin(START)
    client = MlflowClient(mlflow_url)
    assert client.get_run(mlflow_run_id).info.status == "RUNNING"
    registry = MlflowRegistry(mlflow_url, "whole", cache=tmp_path / "cache")
    version = registry.register(saved, mlflow_run_id=mlflow_run_id, tags={})
    cases = [CheckCase("tone.csv", f"{n}", "a/b", "fine", SampleId(f"{n}")) for n in range(20)]
    report = CheckReport("d", tally(cases, {"challenger": np.arange(20) < 5, "champion": np.arange(20) < 9}))
    told = replace(record(version), checks=report)

    runs.record(mlflow_run_id, told)

    run = client.get_run(mlflow_run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "round 3")
    kind = client.get_experiment(run.info.experiment_id).tags["mlflow.experimentKind"]
    assert kind == "custom_model_development"
    assert run.data.params == {
        "preset": "tiny",
        "epochs": "12",
        "note": "None",
        "gold_version": "17",
        "gold_digest": "ab" * 32,
    }
    assert run.data.tags["goldloop.round"] == "3"
    assert run.data.tags["goldloop.promoted"] == "true"
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("gold", "ab" * 16)
    source = json.loads(data.dataset.source)
    assert (source["path"], source["delta_table_version"]) == ("/somewhere/tables/gold", 17)
    figures = metrics_of(told) | check_metrics_of(told)
    assert run.data.metrics == pytest.approx(figures | {"train/loss": 0.25})
    assert figures["checks/tone.csv/a_b/share"] == 0.25
    assert [metric.value for metric in client.get_metric_history(mlflow_run_id, "train/loss")] == [
        1.5,
        0.5,
        0.25,
    ]
    (output,) = run.outputs.model_outputs
    of_model = {metric.key: metric.value for metric in client.get_logged_model(output.model_id).metrics}
    assert of_model["holdout/accuracy"] == pytest.approx(0.9)
    assert {file.path for file in client.list_artifacts(mlflow_run_id, "plots")} == {
        "plots/confusion.svg",
        "plots/confusion.png",
    }
    files = Path(client.download_artifacts(mlflow_run_id, "decision.json", str(tmp_path)))
    assert json.loads(files.read_text()) == to_plain(told.decision)


@pytest.mark.servers
def test_a_retrain_that_came_to_nothing_leaves_a_failed_run_with_its_reason(mlflow_url: str) -> None:
    """The run list shows what went wrong, not a run that seems to go on for ever."""
    from mlflow import MlflowClient

    from goldloop.adapters.mlflow_runs import MlflowRuns

    runs = MlflowRuns(mlflow_url, "failing")
    mlflow_run_id = runs.begin(START)
    runs.fail(mlflow_run_id, "gold holds one label only")

    run = MlflowClient(mlflow_url).get_run(mlflow_run_id)
    assert (run.info.status, run.data.tags["mlflow.note.content"]) == ("FAILED", "gold holds one label only")


@pytest.mark.servers
def test_an_artifact_cannot_leave_its_run(mlflow_url: str, run_id: str) -> None:
    """A path that climbs out of the folder is refused before anything is written."""
    from goldloop.adapters.mlflow_runs import MlflowRuns

    told = record("1")
    outside = TrainingRecord(told.evaluations, told.decision, artifacts={"../evil": b""})

    with pytest.raises(ModelError, match=r"Artifact path '\.\./evil' is not a relative path inside the run"):
        MlflowRuns(mlflow_url, "pets").record(run_id, outside)


def test_metric_names_carry_intervals_and_survive_awkward_labels() -> None:
    """Bounds are figures of their own; signs MLflow refuses are replaced, and no two labels coincide."""
    told = record("4")
    names = metrics_of(told)

    assert {
        "holdout/accuracy",
        "holdout/accuracy_low",
        "holdout/accuracy_high",
        "holdout/n",
        "holdout/ece",
        "holdout/ece_high",
    } <= set(names)
    assert {"holdout/difference", "holdout/difference_low", "baseline/holdout/accuracy"} <= set(names)
    assert names["holdout/recall/c___c"] == 1.0
    assert "holdout/precision/Käse" not in names  # nothing was called so
    twins = evaluate(
        np.eye(3),
        np.arange(3),
        labels=LabelSet.of(["a/b", "a?b", "."]),
        model_version="1",
        split="holdout",
        gold_version=1,
        gold_digest="d",
    )
    names = metrics_of(TrainingRecord({"challenger": twins}, told.decision))
    assert {"holdout/n/00_a_b", "holdout/n/01_a_b", "holdout/n/02_."} <= set(names)
