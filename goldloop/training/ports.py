"""Ports of training: the trainer, the model registry and the experiment tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from goldloop.core.labels import LabelSet
from goldloop.core.ports import Scorer
from goldloop.core.samples import Decoded, SampleId
from goldloop.training.run_record import TrainingRecord, TrainingStart


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model saved in `folder`; `history` (one value an epoch, by name) is for the tracker.

    `notes` are sentences for the user, for example that the pretrained weights could not be downloaded.
    """

    folder: Path
    history: Mapping[str, tuple[float, ...]]
    notes: tuple[str, ...] = ()


class Trainer(Protocol):
    """Trains models on labelled samples."""

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
    ) -> TrainedModel:
        """Train on (sample, column) pairs, calibrate on validation and save to `folder`.

        `advance` gets the share that is done, in [0, 1]. `validation_weights`, one for each of `validation`,
        are inverse inclusion probabilities; None where all are equal.

        Raises:
            EmptyPoolError: there is nothing to train on.
            InvalidProbabilitiesError: a weight is no positive number, or their number is another.
            LabelError: a column is outside the label set.
        """

    def scorer(self, folder: Path) -> Scorer:
        """Return the model saved in `folder`; raises ModelError where it cannot be loaded."""

    def exportable(self, folder: Path) -> tuple[Any, npt.NDArray[np.uint8]] | None:
        """Return the saved model as a graph from a uint8 batch to probs, and an example batch.

        None for a kind of model whose saved files are all there is.
        """


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model version in the registry, and the folder of its downloaded files."""

    version: str
    folder: Path
    mlflow_run_id: str
    tags: dict[str, str]


class ModelRegistry(Protocol):
    """Versions of one registered model, found by alias."""

    def register(
        self,
        folder: Path,
        *,
        mlflow_run_id: str,
        tags: dict[str, str],
        graph: Any = None,
        example: npt.NDArray[np.uint8] | None = None,
    ) -> str:
        """Store the model saved in `folder` as a new version of the run; return the version.

        `graph` is the same model as a function from a uint8 batch like `example` (two samples or more) to
        probs, for other systems to serve; None for a model without a graph.
        """

    def version_at(self, alias: str) -> str | None:
        """Return the version under `alias` (baseline, champion, challenger), or None."""

    def set_alias(self, alias: str, version: str) -> None:
        """Point `alias` at `version`; raises ModelError where there is no such version."""

    def load(self, version: str) -> RegisteredModel:
        """Return the files and tags of `version`; raises ModelError where there is no such version."""


class TrainingRuns(Protocol):
    """The experiment tracker: one run for each retrain."""

    def begin(self, start: TrainingStart) -> str:
        """Open a run; return its mlflow_run_id."""

    def record(self, mlflow_run_id: str, record: TrainingRecord) -> None:
        """Log figures, artifacts and the decision, and close the run."""

    def fail(self, mlflow_run_id: str, reason: str) -> None:
        """Close a run that ended without a decision."""
