"""MLflow's experiment: one run for each retrain, with the gold version, figures, plots and decision."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from mlflow import MlflowClient
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException

from goldloop.adapters.mlflow_connection import WORKSPACE_TAG, Login, mlflow_at
from goldloop.core.codec import to_plain
from goldloop.core.errors import ModelError
from goldloop.core.verbatim import markdown_text
from goldloop.training.ports import TrainingRecord, TrainingStart, check_metrics_of, metrics_of

DIGEST_LENGTH = 32  # MLflow allows 36 characters, a SHA-256 has 64; a parameter holds all of it
BATCH = 100  # parameters that MLflow accepts in one request; it accepts 1,000 metrics
DATASET_NAME = "gold"
DELTA_SOURCE = "delta_table"  # MLflow's name for this kind of source
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Tag by which MLflow tells experiments that train models from those that trace language models."""
COLUMNS = (
    *("metrics.`holdout/accuracy`", "metrics.`holdout/accuracy_low`", "metrics.`holdout/accuracy_high`"),
    *("metrics.`holdout/n`", "metrics.`holdout/difference`", "metrics.`holdout/ece`"),
    *("tags.`goldloop.promoted`", "params.`gold_version`", "params.`preset`"),
)
"""Columns of the page of training runs; of its own accord MLflow shows no figure there."""
VIEW = {"mlflow.sharedViewState.goldloop": json.dumps({"selectedColumns": COLUMNS})}
"""Tag of the view with these columns, which the page shows where its address names `goldloop`."""
PAGE = "MLflow training runs"
_PAGE = "{uri}/#/experiments/{id}/runs?workflowType=machine_learning&viewStateShareKey=goldloop"


class MlflowRuns:
    """The runs of the experiment `name` on the server at `uri`; methods raise ServiceError as `mlflow_at`.

    The experiment carries `workspace_id`, if one is given.
    """

    def __init__(
        self, uri: str, name: str, *, login: Login | None = None, workspace_id: str | None = None
    ) -> None:
        self.name = name
        self.uri = uri
        self._tags = {WORKSPACE_TAG: workspace_id} if workspace_id else {}
        self._at = partial(mlflow_at, uri, login=login)

    def begin(self, start: TrainingStart) -> str:
        """Open a run with the parameters and the gold version it trains on; return the mlflow_run_id."""
        params = {**start.params, "gold_version": start.gold_version, "gold_digest": start.gold_digest}
        with self._at(doing="opening a run") as client:
            run = client.create_run(self._experiment_id(client), run_name=start.name, tags=dict(start.tags))
            run_id = str(run.info.run_id)
            entries = [Param(name, str(value)) for name, value in params.items()]
            for first in range(0, len(entries), BATCH):
                client.log_batch(run_id, params=entries[first : first + BATCH])
            source = DeltaDatasetSource(path=start.gold_uri, delta_table_version=start.gold_version)
            dataset = Dataset(DATASET_NAME, start.gold_digest[:DIGEST_LENGTH], DELTA_SOURCE, source.to_json())
            context = InputTag("mlflow.data.context", "train")
            client.log_inputs(run_id, [DatasetInput(dataset, tags=[context])])
        return run_id

    def record(self, mlflow_run_id: str, record: TrainingRecord) -> None:
        """Log figures, artifacts and the decision, and close the run.

        If the run's model is registered, its page shows the figures too.

        Raises:
            ModelError: an artifact path that leaves the run's folder.
        """
        for path in record.artifacts:
            pure = PurePosixPath(path)
            if pure.is_absolute() or ".." in pure.parts or not pure.name:
                raise ModelError(f"Artifact path {path!r} is not a relative path inside the run. Rename it.")
        with self._at(doing="recording a run") as client:
            outputs = client.get_run(mlflow_run_id).outputs
            models = outputs.model_outputs if outputs else []
            metrics = list(_metrics(record, model_id=models[-1].model_id if models else None))
            for first in range(0, len(metrics), BATCH):
                client.log_batch(mlflow_run_id, metrics=metrics[first : first + BATCH])
            for role, evaluation in record.evaluations.items():
                client.log_dict(mlflow_run_id, to_plain(evaluation), f"evaluations/{role}.json")
            client.log_dict(mlflow_run_id, to_plain(record.decision), "decision.json")
            client.set_tag(mlflow_run_id, "goldloop.promoted", str(record.decision.is_promoted).lower())
            client.set_tag(mlflow_run_id, "mlflow.note.content", _note(record.decision.reasons))
            with tempfile.TemporaryDirectory() as folder:
                for path, content in record.artifacts.items():
                    file = Path(folder, path)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
                client.log_artifacts(mlflow_run_id, folder)
            client.set_terminated(mlflow_run_id)

    def fail(self, mlflow_run_id: str, reason: str) -> None:
        """Close a run without a decision as failed."""
        with self._at(doing="closing a failed run") as client:
            client.set_tag(mlflow_run_id, "mlflow.note.content", _note([reason]))
            client.set_terminated(mlflow_run_id, status="FAILED")

    def pages(self) -> dict[str, str]:
        """Return the address of the page of training runs by its title; nothing before the first retrain."""
        with self._at(doing="finding the training runs") as client:
            experiment = client.get_experiment_by_name(self.name)
        if experiment is None:
            return {}
        return {PAGE: _PAGE.format(uri=self.uri.rstrip("/"), id=experiment.experiment_id)}

    def _experiment_id(self, client: MlflowClient) -> str:
        experiment = client.get_experiment_by_name(self.name)
        if experiment is None:
            try:
                return str(client.create_experiment(self.name, tags=self._tags | KIND | VIEW))
            except MlflowException as error:
                experiment = client.get_experiment_by_name(self.name)  # another process created it meanwhile
                if error.error_code != "RESOURCE_ALREADY_EXISTS" or experiment is None:
                    raise
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
        owner = experiment.tags.get(WORKSPACE_TAG)
        if self._tags and owner not in (None, self._tags[WORKSPACE_TAG]):
            raise ModelError(
                f"The experiment {self.name} belongs to the workspace {owner}, this one is "
                f"{self._tags[WORKSPACE_TAG]}. Give this workspace another `handle` in workspace.json."
            )
        for name, value in (KIND | VIEW).items():
            if name not in experiment.tags:  # an experiment from before goldloop set it
                client.set_experiment_tag(experiment.experiment_id, name, value)
        return str(experiment.experiment_id)


def _note(sentences: Iterable[str]) -> str:
    """Return `sentences` as MLflow's page shows a note: as Markdown."""
    return "\n\n".join(map(markdown_text, sentences))


def _metrics(record: TrainingRecord, *, model_id: str | None) -> Iterator[Metric]:
    now_ms = int(time.time() * 1000)
    digests = {evaluation.gold_digest[:DIGEST_LENGTH] for evaluation in record.evaluations.values()}
    dataset = {"dataset_name": DATASET_NAME, "dataset_digest": digests.pop()} if len(digests) == 1 else {}
    for name, value in metrics_of(record).items():
        yield Metric(name, value, now_ms, 0, model_id=model_id, **dataset)
    for name, value in check_metrics_of(record).items():  # check cases are no gold
        yield Metric(name, value, now_ms, 0, model_id=model_id)
    for name, values in record.history.items():
        for epoch, value in enumerate(values):
            yield Metric(name, value, now_ms, epoch)
