"""Label Studio: tasks go in, annotations come out; the only place that knows its SDK."""

from goldloop.adapters.label_studio.images import local_image_urls
from goldloop.adapters.label_studio.people import Annotator, add_annotator
from goldloop.adapters.label_studio.project import ensure_project
from goldloop.adapters.label_studio.queue import LabelStudioQueue

__all__ = ["Annotator", "LabelStudioQueue", "add_annotator", "ensure_project", "local_image_urls"]
