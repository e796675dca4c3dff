"""Label Studio: pushes tasks and pulls annotations; no other package calls its API."""

from goldloop.adapters.label_studio.accounts import Annotator, add_annotator
from goldloop.adapters.label_studio.project import Bucket, Projects, ensure_projects
from goldloop.adapters.label_studio.queue import LabelStudioQueue

__all__ = [
    "Annotator",
    "Bucket",
    "LabelStudioQueue",
    "Projects",
    "add_annotator",
    "ensure_projects",
]
