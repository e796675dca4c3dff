"""The Label Studio project of a workspace: made once, found again, kept as the settings say."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from label_studio_sdk import LabelStudio

from goldloop.adapters.label_studio.images import are_tiny
from goldloop.adapters.label_studio.listing import sweep
from goldloop.adapters.label_studio.payload import chosen_labels
from goldloop.adapters.label_studio.server import connected, translated
from goldloop.errors import LabelError
from goldloop.labels import LabelSet
from labelstudio_config import FROM_NAME, instructions, interface


def project_title(name: str) -> str:
    """Return the title under which the workspace called `name` finds its project (at most 50 characters)."""
    return f"goldloop {name}"


def ensure_project(
    url: str, token: str, *, name: str, labels: LabelSet, overlap: int, images_root: Path | None
) -> int:
    """Return the id of the project called `name`, made or brought up to date.

    Two machines that make it at once end with one project, the older one. `images_root` is the content
    store as the server sees it, a folder below its LOCAL_FILES_DOCUMENT_ROOT, which the project is then
    allowed to show; None where pictures come from elsewhere.

    Raises:
        LabelError: a label that annotators have used is missing from `labels`.
        ServiceError: the server did not do what was asked.
    """
    server = connected(url, token)
    title = project_title(name)
    with translated(url, f"make the project {title!r}"):
        project_id = _found(server, title) or _created(server, title)
        _update(server, url, project_id, labels, overlap, is_tiny=bool(images_root and are_tiny(images_root)))
    if images_root is not None:
        doing = f"serve {images_root}, a folder it must have below its LOCAL_FILES_DOCUMENT_ROOT,"
        with translated(url, doing):
            _serve(server, project_id, str(images_root))
    return project_id


def _found(server: LabelStudio, title: str) -> int | None:
    matches: Any = server.projects.list(title=title, include="id,title")  # matches parts of titles too
    ids = [one.id for one in matches if one.title == title and one.id is not None]
    return min(ids, default=None)


def _created(server: LabelStudio, title: str) -> int:
    """Return a new project, or the older one that somebody else made at the same moment.

    The younger one is put aside under another title and not deleted: while Label Studio deletes a project it
    switches off every signal of its process, and two deletions at once leave them off until it is restarted;
    it then no longer counts annotations or gives new people a token.
    """
    mine = int(server.projects.create(title=title).id or 0)
    oldest = _found(server, title)
    if oldest is not None and oldest < mine:
        note = f"Made together with project {oldest}, which is used; empty, may be deleted."
        server.projects.update(id=mine, title=f"unused {mine}", description=note)
        return oldest
    return mine


def _update(
    server: LabelStudio, url: str, project_id: int, labels: LabelSet, overlap: int, *, is_tiny: bool
) -> None:
    project = server.projects.get(id=project_id)
    wanted: dict[str, Any] = {
        "label_config": interface(labels, is_tiny=is_tiny),
        "expert_instruction": instructions(labels),
        "show_instruction": False,  # Enter, meant to close that dialog, would submit the suggestion behind it
        "maximum_annotations": overlap,
        "sampling": "Sequential sampling",
        "skip_queue": "REQUEUE_FOR_OTHERS",
        "show_collab_predictions": True,
    }
    changes = {key: value for key, value in wanted.items() if getattr(project, key, None) != value}
    if "label_config" in changes:
        _refuse_lost_labels(server, url, project_id, project.label_config or "", labels)
    if changes:
        server.projects.update(id=project_id, **changes)


def _refuse_lost_labels(
    server: LabelStudio, url: str, project_id: int, label_config: str, labels: LabelSet
) -> None:
    """Raise if annotators have used a label that is about to go; Label Studio itself would let it happen."""
    removed = {name for name in _labels_of(label_config) if name not in labels}
    if not removed:
        return
    used: set[str] = set()
    annotated = ("total_annotations", "greater", "Number", 0)
    for row in sweep(server, url, project_id, "id,annotations,result", annotated, is_full=True):
        for annotation in row.annotations or []:
            used |= removed & chosen_labels(annotation.get("result"))
    if used:
        raise LabelError(
            f"labels {sorted(used)} are gone from the label set, but people have used them in Label Studio "
            f"project {project_id}; put them back, or start a new workspace"
        )


def _labels_of(label_config: str) -> list[str]:
    """Return the labels an interface offers; Label Studio keeps the text as it was sent."""
    try:
        root = ET.fromstring(label_config or "<View/>")
    except ET.ParseError:
        return []
    for choices in root.iter("Choices"):
        if choices.get("name") == FROM_NAME:
            return [one.get("alias") or one.get("value") or "" for one in choices.iter("Choice")]
    return []


def _serve(server: LabelStudio, project_id: int, folder: str) -> None:
    there = server.import_storage.local.list(project=project_id)
    if all(one.path != folder for one in there):
        server.import_storage.local.create(project=project_id, path=folder, use_blob_urls=True)
