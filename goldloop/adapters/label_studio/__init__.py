"""Label Studio: tasks go in, annotations come out; the only module that knows its SDK.

The measured behaviour of the server that this code relies on is in docs/decisions and in the docstrings
beside the code.
"""

from goldloop.adapters.label_studio.images import local_image_urls
from goldloop.adapters.label_studio.people import Annotator, add_annotator
from goldloop.adapters.label_studio.project import ensure_project
from goldloop.adapters.label_studio.queue import LabelStudioQueue

__all__ = ["Annotator", "LabelStudioQueue", "add_annotator", "ensure_project", "local_image_urls"]
