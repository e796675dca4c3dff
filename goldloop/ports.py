"""What the core asks of the outside, in its own words; adapters and models/ answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from goldloop.annotations import TaskState
from goldloop.labels import LabelSet
from goldloop.samples import Arrival, Decoded, FileRef, SampleId
from goldloop.tasks import NewTask


class Reader(Protocol):
    """Lists and reads the files of a batch, whatever kind of data they hold."""

    def files(self, source: str) -> Iterator[FileRef]:
        """Yield the files of `source` (folder, glob, list file or fsspec URI) in a stable order."""
        ...

    def read(self, file: FileRef) -> Arrival:
        """Return the decoded file, or the reason why it goes to quarantine; never raises for a bad file."""
        ...


class ContentStore(Protocol):
    """Keeps the bytes of samples that people were asked about, addressed by sample_id."""

    def keep(self, sample_id: SampleId, uri: str) -> str:
        """Copy the sample's bytes from `uri` into the store; return the relative path a browser is given.

        Raises:
            UnreadableSampleError: the file is gone, or its bytes are no longer those of `sample_id`.
        """
        ...

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept sample, decoded exactly as on arrival."""
        ...


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says of n samples, row by row in the order given.

    `probs` is float64 (n, n_labels), calibrated, columns in label-set order; `embeddings` is float32
    (n, n_features), from the penultimate layer.
    """

    probs: npt.NDArray[np.float64]
    embeddings: npt.NDArray[np.float32]


class Scorer(Protocol):
    """A trained, calibrated model."""

    @property
    def labels(self) -> LabelSet:
        """Label set whose order the columns of `probs` follow."""
        ...

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of one minibatch of decoded payloads."""
        ...


class LabelingQueue(Protocol):
    """The labelling server: tasks go in, annotations come out."""

    def push(self, tasks: Sequence[NewTask]) -> dict[str, int]:
        """Create one task for each; return task ids by key, in the order given. Not idempotent by itself."""
        ...

    def find(self, keys: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of all tasks on the server that carry one of `keys`, ascending, by key."""
        ...

    def n_tasks(self) -> int:
        """Return how many tasks the project holds on the server."""
        ...

    def all_tasks(self) -> dict[int, str]:
        """Return key by task id for every task of the project (a full sweep; costs 1 ms a task)."""
        ...

    def delete(self, task_ids: Sequence[int]) -> None:
        """Delete these tasks."""
        ...

    def changed_since(self, moment: datetime | None) -> Iterator[list[TaskState]]:
        """Yield pages of tasks changed at or after `moment` (None: ever), oldest change first."""
        ...


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model version in the registry and where its files were downloaded to."""

    version: str
    folder: Path
    mlflow_run_id: str
    tags: dict[str, str]


class ModelRegistry(Protocol):
    """Versions of one registered model, found by alias."""

    def register(self, folder: Path, *, mlflow_run_id: str, tags: dict[str, str]) -> str:
        """Store the model saved in `folder` as a new version of the run; return the version."""
        ...

    def version_at(self, alias: str) -> str | None:
        """Return the version under `alias` (baseline, champion, challenger), or None."""
        ...

    def set_alias(self, alias: str, version: str) -> None:
        """Point `alias` at `version`."""
        ...

    def load(self, version: str) -> RegisteredModel:
        """Return the files and tags of `version`.

        Raises:
            ModelError: there is no such version.
        """
        ...
