"""Images as one kind of samples: a file each, shown to annotators by its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE, Preview
from goldloop.core.samples import SampleId
from goldloop.core.tasks import NewTask
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore
from goldloop.modalities.image.thumbnail import thumbnail


@dataclass(frozen=True, slots=True)
class ImageModality:
    """Satisfies `goldloop.core.modality.Modality`."""

    reader: ImageReader
    store: ImageStore

    @classmethod
    def at(cls, folder: Path, *, size: int) -> ImageModality:
        """Return the images kept in `folder`, read into squares of `size` pixels."""
        reader = ImageReader(size=size)
        return cls(reader, ImageStore(folder, reader))

    @property
    def kind(self) -> str:
        """Name of the kind."""
        return "image"

    @property
    def max_distance(self) -> int:
        """Bits in which fingerprints differ at most; see docs/decisions/0004-near-duplicates.md."""
        return MAX_FINGERPRINT_DISTANCE

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the address of the picture."""
        return {"image": link(task.path)}

    def preview(self, sample_id: SampleId) -> Preview | None:
        """Return a thumbnail."""
        file = self.store.file(sample_id)
        return None if file is None else Preview(image=thumbnail(file))

    def columns(self, sample_id: SampleId) -> Mapping[str, str]:
        """Return nothing: an image is its file."""
        return {}
