"""The seam between the loop and one kind of samples: how they are read, kept, compared and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from goldloop.core.ports import ContentStore, Reader
from goldloop.core.samples import SampleId
from goldloop.core.tasks import NewTask

Features = Mapping[SampleId, npt.NDArray[np.float16]]
"""What a frozen backbone makes of samples, (n_features,) by id."""

MAX_FINGERPRINT_DISTANCE = 3
"""Bits of 64 in which the fingerprints of near-duplicates differ at most, unless a kind measured its own."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A sample made small for a report: a PNG or JPEG, or plain text that the page has to escape."""

    image: bytes | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if (self.image is None) == (self.text is None):
            raise ValueError("a preview is either an image or a text, never both or neither")


class Modality(Protocol):
    """One kind of samples, in one workspace. Its classifier is a `Trainer`, see models/kinds.py."""

    @property
    def kind(self) -> str:
        """Name of the kind, as in the setting `kind`; labelstudio_config has a screen of this name."""

    @property
    def has_stakes(self) -> bool:
        """Whether samples have a stake, such as an amount of money, which the store knows."""

    @property
    def reader(self) -> Reader:
        """Turns a source into samples and quarantine reasons."""

    @property
    def store(self) -> ContentStore:
        """Keeps the content of samples."""

    @property
    def max_distance(self) -> int:
        """Bits of 64 in which the fingerprints of near-duplicates differ at most."""

    def for_preset(self, preset: str) -> Modality:
        """Return the same samples, decoded as the models of `preset` take them."""

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return the features of those samples that have some, by id.

        The others have not been read since they have a preset with a frozen backbone, or the preset has none.
        """

    def before(self, sample_id: SampleId, others: Sequence[SampleId], n: int) -> list[SampleId]:
        """Return the `n` newest of `others` from before a sample, newest first.

        None where samples of this kind have no time, or annotators are not shown others.
        """

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the fields of a labelling task that hold the sample.

        `link` turns a path of the content store into an address that an annotator's browser can open.
        """

    def preview(self, sample_id: SampleId, uris: Sequence[str] = ()) -> Preview | None:
        """Return a sample for a report; None where it can be read nowhere.

        A sample that is not in the store is read from the first of `uris` that still has its content.
        """

    def columns(self, sample_id: SampleId) -> Mapping[str, str]:
        """Return what a table of gold holds of the sample itself; empty where a file holds it.

        Raises:
            UnreadableSampleError: the sample should be in the store and is not.
        """
