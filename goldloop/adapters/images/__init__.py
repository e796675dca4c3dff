"""Images: the reader that lists and decodes them, and the store that keeps those people were shown."""

from goldloop.adapters.images.reader import ImageReader
from goldloop.adapters.images.store import ImageStore

__all__ = ["ImageReader", "ImageStore"]
