"""Images as one kind of samples: a file each, shown to annotators by its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE, Preview
from goldloop.core.samples import SampleId
from goldloop.core.tasks import NewTask
from goldloop.modalities.image.decode import decode_picture
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore, reduced

THUMBNAIL_SIDE = 112  # pixels, of the longer side


class ImageModality:
    """Images in `folder`, read into squares of `size` pixels. Satisfies `goldloop.core.modality.Modality`."""

    kind = "image"
    max_distance = MAX_FINGERPRINT_DISTANCE

    def __init__(self, folder: Path, *, size: int) -> None:
        self.reader = ImageReader(size=size)
        self.store = ImageStore(folder, self.reader)

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the address of the picture."""
        return {"image": link(task.path)}

    def preview(self, sample_id: SampleId) -> Preview | None:
        """Return a thumbnail, or None where the file is missing or damaged."""
        file = self.store.file(sample_id)
        try:
            rgb = decode_picture(file.read_bytes() if file else b"").rgb
        except (UnreadableSampleError, OSError):
            return None
        _, image = reduced(rgb, THUMBNAIL_SIDE, quality=80)
        return Preview(image=image)

    def columns(self, sample_id: SampleId) -> Mapping[str, str]:
        """Return nothing: an image is its file."""
        return {}
