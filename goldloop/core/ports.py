"""What the core asks of the outside, in its own words; adapters and models/ answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from goldloop.core.annotations import ListedTask, ServerCounts, TaskState
from goldloop.core.disk import Write, write_whole
from goldloop.core.labels import LabelSet
from goldloop.core.samples import Arrival, Decoded, FileRef, SampleId
from goldloop.core.tasks import NewTask


class Reader(Protocol):
    """Reads the samples of a batch, whatever kind they are; a file holds one sample or many."""

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Yield each sample of `source` (folder, glob, list, file or fsspec URI) that is not known, in order.

        `is_known` is asked once for each sample, and for a file of many before it is opened. A bad sample
        comes with the reason why it goes to quarantine.

        Raises:
            SourceError: there is nothing at `source`; raised by this call, not by the first `next`.
        """

    def of(self, files: Iterable[FileRef], *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Yield each sample of `files` that is not known, in order, as `arrivals` does."""

    def again(self, samples: Iterable[tuple[SampleId, FileRef]]) -> Iterator[Arrival]:
        """Yield an arrival for each of `samples`, which arrived before, in the order given.

        One whose content is gone or has changed comes with a reason, or with another sample_id.
        """

    def cases(self, source: str) -> Iterator[Arrival]:
        """Yield the rows of `source`, decoded as `arrivals` does, and keep none of them.

        What stands beside a sample, such as the label that a behaviour check expects, is its metadata.

        Raises:
            SourceError: there is nothing at `source`, or samples of this kind are no rows; raised by this
                call, not by the first `next`.
        """


class DerivedText(Protocol):
    """Keeps one text that goldloop can derive again; it may be lost at any time."""

    def read(self) -> str | None:
        """Return the text; None where there is none."""

    def save(self, text: str) -> None:
        """Keep `text` in place of what was kept before."""


class NothingKept:
    """Keeps no text. Satisfies `DerivedText`."""

    def read(self) -> None:
        """Return nothing."""

    def save(self, text: str) -> None:
        """Forget it."""


class ContentStore(Protocol):
    """Keeps the content of samples, addressed by sample_id."""

    def keep(self, sample_id: SampleId, uri: str, write: Write = write_whole) -> str:
        """Keep the sample that arrived from `uri`; return the path for a browser, "" where it needs none.

        `write` writes its files; the files of many samples are written faster by `written_together`.

        Raises:
            UnreadableSampleError: the content is gone, or is no longer that of `sample_id`.
        """

    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept sample, decoded exactly as on arrival.

        Raises:
            UnreadableSampleError: it is not in the store, or its content was altered.
        """

    def file(self, sample_id: SampleId) -> Path | None:
        """Return the file of a kept sample; None where it is missing or the kind keeps no files."""


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
    def preset(self) -> str:
        """Preset of the model; it takes samples as `Modality.for_preset` decodes them for this preset."""

    @property
    def labels(self) -> LabelSet:
        """Label set whose order the columns of `probs` follow."""

    def __call__(self, payloads: Sequence[Any]) -> Scores:
        """Return the scores of one minibatch of decoded payloads."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each field adds to the calibrated logits of n samples, row by row in the order given.

    `base` (n, n_labels) plus `values` (n, n_labels, n_fields) summed over the `fields` are the logits whose
    softmax are the probs; both are float64.
    """

    fields: tuple[str, ...]
    base: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]


@runtime_checkable
class ReasonedScorer(Scorer, Protocol):
    """A model that tells what each field of a sample adds to its prediction."""

    def contributions(self, payloads: Sequence[Any]) -> Contributions:
        """Return what the fields of each payload add to the logits."""


class Backbone(Protocol):
    """A frozen network from decoded samples to features, the same for every model of its preset."""

    def features(self, payloads: Sequence[Any]) -> npt.NDArray[np.float16]:
        """Return the features of each payload, (n, n_features), the same beside any others."""


class FeatureStore(Protocol):
    """Keeps the features of samples by one backbone; what is lost can be computed again."""

    def get(self, sample_id: SampleId) -> npt.NDArray[np.float16] | None:
        """Return the features of a sample, (n_features,), or None where they are not kept."""

    def add(self, features: Mapping[SampleId, npt.NDArray[np.float16]]) -> None:
        """Keep the features of samples."""


class LabelingQueue(Protocol):
    """The labelling server: tasks go in, annotations come out."""

    def push(self, tasks: Sequence[NewTask]) -> dict[str, int]:
        """Create one task for each; return task ids by key, in the order given. Not idempotent by itself.

        No barred annotator ever gets the task, not even when the push is killed.
        """

    def bar(self, barred: Mapping[int, Collection[str]]) -> None:
        """Keep tasks, by id, from annotators, and open them to all others; who is barred already stays so."""

    def content_of(self, task: NewTask) -> str:
        """Return the digest of the data that annotators see of a task, as `changed_since` lists it."""

    def find(self, keys: Sequence[str]) -> dict[str, list[int]]:
        """Return the ids of all tasks on the server that carry one of `keys`, ascending, by key."""

    def counts(self) -> ServerCounts:
        """Return how many tasks and answers the projects hold on the server."""

    def listing(self) -> list[ListedTask]:
        """Return every task with a key, by ascending id (a full sweep; costs 1 ms a task)."""

    def states(self, task_ids: Sequence[int]) -> list[TaskState]:
        """Return these tasks and their present annotations; ids without a task are left out."""

    def all_tasks(self) -> dict[int, str]:
        """Return key by task id for every task of the project (a full sweep; costs 1 ms a task)."""

    def sealed_plans(self, task_ids: Sequence[int]) -> dict[int, str]:
        """Return the sealed plan of each of these tasks that has one, by id."""

    def answered(self, task_ids: Sequence[int]) -> set[int]:
        """Return those of `task_ids` that hold at least one annotation or skip."""

    def delete(self, task_ids: Sequence[int]) -> None:
        """Delete these tasks."""

    def ask(self, n_answers: Mapping[int, int]) -> None:
        """Let each task, by id, be answered by so many different people in all.

        Who has answered it is not asked again. Tasks that are gone are passed over. Repeating it changes
        nothing.
        """

    def changed_since(self, moment: datetime | None) -> Iterator[list[TaskState]]:
        """Yield pages of tasks changed at or after `moment` (None: ever), oldest change first."""
