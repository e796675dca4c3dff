"""Images as one kind of samples: a file each, shown to annotators by its address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from PIL import Image

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE, Features, Modality, Preview
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.core.tasks import NewTask
from goldloop.modalities.content import read_content
from goldloop.modalities.image.decode import decode_picture
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore, reduced

THUMBNAIL_SIDE = 144  # pixels, of the longer side
_MOST_BYTES_OF_PNG = 6000  # of a picture that is small as it is; a photograph takes less as JPEG


class ImageModality:
    """Images in `folder`, read into `form`. Satisfies `goldloop.core.modality.Modality`.

    `forms` holds the form of the pictures of each preset; `featured` turns images into the features that the
    models of a preset take, where it has a frozen backbone.
    """

    kind = "image"
    max_distance = MAX_FINGERPRINT_DISTANCE
    has_stakes = False

    def __init__(
        self,
        folder: Path,
        form: Form,
        forms: Mapping[str, Form] = MappingProxyType({}),
        featured: Callable[[str, Modality], Modality] = lambda _, images: images,
    ) -> None:
        self.reader = ImageReader(form)
        self.store = ImageStore(folder, self.reader)
        self._folder, self._forms, self._featured = folder, forms, featured

    def for_preset(self, preset: str) -> Modality:
        """Return the same images as the models of `preset` take them: squares of pixels, or features."""
        images = ImageModality(self._folder, self._forms[preset], self._forms, self._featured)
        return self._featured(preset, images)

    def features(self, sample_ids: Iterable[SampleId]) -> Features:
        """Return nothing: models take these images as they are."""
        return {}

    def before(self, sample_id: SampleId, others: Sequence[SampleId], n: int) -> list[SampleId]:
        """Return nothing: annotators are not shown others."""
        return []

    def task_data(self, task: NewTask, link: Callable[[str], str]) -> dict[str, str]:
        """Return the address of the picture."""
        return {"image": link(task.path)}

    def preview(self, sample_id: SampleId, uris: Sequence[str] = ()) -> Preview | None:
        """Return a thumbnail; None where the file is missing or damaged, and `uris` hold other pictures."""
        kept = self.store.file(sample_id)
        for place in (kept, *uris) if kept else uris:
            try:
                content = read_content(str(place))
                if place is kept or sample_id_of(content) == sample_id:
                    return Preview(image=thumbnail(decode_picture(content).rgb))
            except UnreadableSampleError:
                continue
        return None

    def columns(self, sample_id: SampleId) -> Mapping[str, str]:
        """Return nothing: an image is its file."""
        return {}


def thumbnail(rgb: Image.Image) -> bytes:
    """Return a PNG of a small picture of few colours, else a JPEG; it makes `rgb` itself smaller."""
    _, image = reduced(rgb, THUMBNAIL_SIDE, quality=80)
    if len(image) <= _MOST_BYTES_OF_PNG:
        return image
    buffer = BytesIO()
    rgb.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
