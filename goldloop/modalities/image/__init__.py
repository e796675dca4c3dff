"""Images: the reader that lists and decodes them, and the store that keeps those people were shown."""

from goldloop.modalities.image.decode import Reason
from goldloop.modalities.image.modality import ImageModality
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore

__all__ = ["ImageModality", "ImageReader", "ImageStore", "Reason"]
