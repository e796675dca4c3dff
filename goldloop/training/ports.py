"""Ports of training: the trainer, the model registry and the experiment tracker, and what it gets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer
from goldloop.core.probs import Probs
from goldloop.core.record_form import RecordForm
from goldloop.core.samples import Decoded, SampleId
from goldloop.stats.metrics import Columns, Estimate
from goldloop.training.checks import CheckReport
from goldloop.training.promotion import Decision, Evaluation

CHALLENGER = "challenger"
_NOT_IN_A_NAME = re.compile(r"[^\w.\- ]")  # letters of any script may stay


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model in `folder`; `history` (a value an epoch, by name) is for the tracker, `notes` for users."""

    folder: Path
    history: Mapping[str, tuple[float, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InputColumn:
    """A column of what a server is sent: `binary`, `string` or `double`; one that is optional may lack."""

    name: str
    type: Literal["binary", "string", "double"]
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class ServedModel:
    """How a server loads a model and asks it.

    The module `loader` has a function `_load_pyfunc`, as MLflow wants it. It gets a folder that holds
    `extra_files/`, what the trainer saved, and `beside/`, a copy of the folder `beside`.
    """

    loader: str
    beside: Path
    inputs: tuple[InputColumn, ...]


class Trainer(Protocol):
    """Trains models on labelled samples."""

    @property
    def cross_fits(self) -> bool:
        """Whether models train on validation too, and are calibrated by others that left its folds out."""

    def train(
        self,
        train: Sequence[tuple[SampleId, int]],
        validation: Sequence[tuple[SampleId, int]],
        *,
        labels: LabelSet,
        load: Callable[[SampleId], Decoded],
        folder: Path,
        advance: Callable[[float], None],
        validation_weights: Sequence[float] | None = None,
        folds: Sequence[int] | None = None,
    ) -> TrainedModel:
        """Train on (sample, column) pairs, calibrate on validation and save to `folder`.

        `advance` gets the share that is done, in [0, 1]. `validation_weights`, one for each of `validation`,
        are inverse inclusion probabilities; None where all are equal. `folds` are the folds of `validation`
        below VALIDATION_FOLDS, for a trainer that `cross_fits`; without them it trains on `train` alone.

        Raises:
            EmptyPoolError: there is nothing to train on.
            InvalidProbabilitiesError: a weight is no positive number, or their number is another.
            LabelError: a column is outside the label set.
        """

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`; raises ModelError where it cannot be loaded."""

    def served(self, folder: Path, beside: Path, *, form: RecordForm) -> ServedModel | None:
        """Return how a server loads the model saved in `folder` and asks it.

        Files that it needs beside those of `folder` are written to `beside`, an empty folder. `form` is that
        of the records in the workspace, for models of records. None where nobody else can load the model.
        """


@runtime_checkable
class FeatureTrainer(Trainer, Protocol):
    """A trainer of models on kept features, which fits many of them within seconds, in memory."""

    def fits(
        self, features: npt.NDArray[np.float16], n_labels: int
    ) -> Callable[[], Callable[[npt.NDArray[np.int64], Columns], Probs]]:
        """Return what begins a series of fits on `features` (n, n_features).

        A fit gets ever more rows of the features and their columns, and returns the model's probs of all n
        samples, (n, n_labels), not calibrated.
        """


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model in the registry, by the number that it has there, and the folder of its verified files."""

    version: str
    folder: Path
    mlflow_run_id: str
    tags: dict[str, str]
    digest: str


class ModelRegistry(Protocol):
    """Versions of one registered model, and copies of their files in the workspace.

    A model is asked for by version and digest, since a registry can lose versions and count from 1 again;
    without a digest the version is the registry's own number.
    """

    def register(
        self,
        folder: Path,
        *,
        mlflow_run_id: str,
        tags: dict[str, str],
        served: ServedModel | None = None,
    ) -> str:
        """Store the model saved in `folder` as a new version of the run, and copy it; return its number.

        `served` says how a server loads it, None for a model that only goldloop loads.
        """

    def describe(self, version: str, digest: str, text: str) -> None:
        """Show `text`, which is Markdown, on the page of a model.

        Raises:
            ModelError: the registry does not hold the model.
        """

    def version_at(self, alias: str) -> str | None:
        """Return the number under `alias` (baseline, champion, challenger), or None."""

    def set_alias(self, alias: str, version: str, digest: str | None = None) -> None:
        """Point `alias` at a model; raises ModelError where the registry does not hold it."""

    def load(self, version: str, digest: str | None = None) -> RegisteredModel:
        """Return the files of a model; raises ModelError where it is missing or its files were changed."""

    def is_whole(self, version: str, digest: str) -> bool:
        """Return whether the registry still gives out the files of a model; if so, they are copied anew."""

    def copy_of(self, digest: str) -> Path | None:
        """Return the workspace's copy of a model, None if it is missing or was changed."""

    def prune_copies(self, wanted: Collection[str]) -> None:
        """Remove the workspace's copies of all models but those with the digests `wanted`."""


@dataclass(frozen=True, slots=True)
class TrainingStart:
    """What is known before training starts; `gold_uri` is the address of the table that holds the version."""

    name: str
    params: Mapping[str, str | int | float | bool | None]
    gold_uri: str
    gold_version: int
    gold_digest: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """The results of a run, known once the gate has decided.

    `evaluations` are by role: challenger, champion, baseline. `history` holds one value per epoch by name
    ("train/loss"). `artifacts` are the bytes of files by relative path ("plots/confusion.svg"). `checks` are
    the results of the behaviour checks, if any were run.
    """

    evaluations: Mapping[str, Evaluation]
    decision: Decision
    history: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    checks: CheckReport | None = None


class TrainingRuns(Protocol):
    """The experiment tracker: one run for each retrain."""

    def begin(self, start: TrainingStart) -> str:
        """Open a run; return its mlflow_run_id."""

    def record(self, mlflow_run_id: str, record: TrainingRecord) -> None:
        """Log figures, artifacts and the decision, and close the run."""

    def fail(self, mlflow_run_id: str, reason: str) -> None:
        """Close a run that ended without a decision."""


def _of_estimate(name: str, estimate: Estimate | None) -> dict[str, float]:
    if estimate is None:
        return {}
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _metric_names(labels: list[str]) -> list[str]:
    """Return the labels in characters that a tracker accepts; equal ones get their column as a prefix."""
    names = [_NOT_IN_A_NAME.sub("_", label) for label in labels]
    seen = Counter(names)
    return [
        f"{column:02d}_{name}" if seen[name] > 1 or not name.strip(" ._") else name
        for column, name in enumerate(names)
    ]


def metrics_of(record: TrainingRecord) -> dict[str, float]:
    """Return every figure of `record` by name, bounds of intervals as figures of their own.

    The challenger's names are `<split>/accuracy`, `<split>/recall/<label>` and so on, those of other roles
    `<role>/<split>/accuracy`; the paired difference is `<split>/difference`. An unknown figure is absent.
    """
    figures: dict[str, float] = {}
    for role, evaluation in record.evaluations.items():
        prefix = evaluation.split if role == CHALLENGER else f"{role}/{evaluation.split}"
        figures |= _of_estimate(f"{prefix}/accuracy", evaluation.accuracy)
        figures |= {f"{prefix}/n": evaluation.n} | _of_estimate(f"{prefix}/ece", evaluation.ece)
        names = _metric_names([label.label for label in evaluation.per_label])
        for name, label in zip(names, evaluation.per_label, strict=True):
            figures[f"{prefix}/n/{name}"] = label.n
            figures |= _of_estimate(f"{prefix}/precision/{name}", label.precision)
            figures |= _of_estimate(f"{prefix}/recall/{name}", label.recall)
            figures |= _of_estimate(f"{prefix}/f1/{name}", label.f1)
    challenger = record.evaluations.get(CHALLENGER)
    if challenger is not None:
        figures |= _of_estimate(f"{challenger.split}/difference", record.decision.difference)
    return figures


_NAME_CHARS = 80  # of a check file: MLflow takes 250 characters of the whole name of a figure


def check_metrics_of(record: TrainingRecord) -> dict[str, float]:
    """Return the figures of the behaviour checks by name, `checks/<file>/<group>/share` and so on.

    The challenger's names are as they are, those of other roles begin with the role.
    """
    report = record.checks
    if report is None:
        return {}
    figures: dict[str, float] = {}
    files = report.files
    names = _metric_names([file.file[:_NAME_CHARS] for file in files])
    for file, name in zip(files, names, strict=True):
        groups = report.groups_of(file.file)
        inside = _metric_names([str(group.group) for group in groups])
        places = [name, *(f"{name}/{group}" for group in inside)]
        for checked, place in zip([file, *groups], places, strict=True):
            figures |= {f"checks/{place}/n": checked.n}
            figures |= _of_estimate(f"checks/{place}/difference", checked.difference)
            for role, share in checked.shares.items():
                prefix = "" if role == CHALLENGER else f"{role}/"
                figures |= _of_estimate(f"{prefix}checks/{place}/share", share)
    return figures
