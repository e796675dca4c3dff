"""The Label Studio projects of a workspace: made once, found again, kept as the settings say."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.images import are_tiny
from goldloop.adapters.label_studio.payload import chosen_labels
from goldloop.adapters.label_studio.server import translated
from goldloop.adapters.label_studio.tabs import ensure_tabs
from goldloop.adapters.label_studio.task_list import sweep
from goldloop.core.errors import LabelError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import Purpose
from labelstudio_config import (
    FROM_NAME,
    adjudication_interface,
    adjudicator_guide,
    annotator_guide,
    interface,
)

_MAX_NAME = 28  # characters, so that the longest title has the 50 that Label Studio allows
_EVERYBODY = 1000  # answers to a task of the onboarding project, in other words: one from every annotator
_FIELDS = (
    "id,title,label_config,expert_instruction,show_instruction,maximum_annotations,sampling,skip_queue,"
    "show_collab_predictions"
)


@dataclass(frozen=True, slots=True)
class Projects:
    """Ids of the three Label Studio projects that one workspace has.

    `main` is where people label, `adjudication` where an adjudicator decides what they disagree about,
    and `onboarding` where somebody new begins.
    """

    main: int
    adjudication: int
    onboarding: int

    def of(self, purpose: Purpose) -> int:
        """Return the project that holds the tasks of `purpose`."""
        if purpose is Purpose.ADJUDICATION:
            return self.adjudication
        return self.onboarding if purpose is Purpose.ONBOARDING else self.main

    def __iter__(self) -> Iterator[int]:
        return iter((self.main, self.adjudication, self.onboarding))


def project_titles(name: str) -> tuple[str, str, str]:
    """Return the titles under which the workspace called `name` finds its projects, main one first.

    Label Studio allows 50 characters. A name that is too long is cut and told apart by a hash behind a
    tilde, which no name holds.
    """
    short = name
    if len(name) > _MAX_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        short = f"{name[: _MAX_NAME - 1 - len(digest)]}~{digest}"
    return f"goldloop {name}", f"goldloop {short} adjudication", f"goldloop {short} onboarding"


def ensure_projects(
    url: str, token: str, *, name: str, labels: LabelSet, images_root: Path | None, kind: str = "image"
) -> Projects:
    """Return the projects of the workspace called `name`, made or brought up to date.

    `kind` is that of the samples, which decides the labelling screen.
    Two machines that make them at once end with the same ones, the older. `images_root` is the content
    store as the server sees it, a folder below its LOCAL_FILES_DOCUMENT_ROOT, which annotators are then
    allowed to see; None where pictures come from elsewhere. Four requests where all is as it should be.

    Raises:
        LabelError: a label that annotators have used is missing from `labels`.
        ServiceError: the server did not do what was asked.
    """
    server = LabelStudioClient(url, token)
    titles = project_titles(name)
    wanted = _wanted(labels, kind, is_tiny=bool(images_root and are_tiny(images_root)))
    with translated(url, f"make the projects {', '.join(map(repr, titles))}"):
        projects = _found_or_made(server, titles)
        changes = [_changes(project, one) for project, one in zip(projects, wanted, strict=True)]
        for project, change in zip(projects, changes, strict=True):
            if "label_config" in change:
                _refuse_lost_labels(server, project["id"], project["label_config"] or "", labels)
        for project, change in zip(projects, changes, strict=True):
            if change:
                server.patch(f"/api/projects/{project['id']}/", change)
        ensure_tabs(server, projects[0]["id"])
        ids = Projects(*(project["id"] for project in projects))
    if images_root is not None:
        doing = f"serve {images_root}, a folder it must have below its LOCAL_FILES_DOCUMENT_ROOT,"
        with translated(url, doing):
            _serve(server, ids.main, str(images_root))
    return ids


def _wanted(labels: LabelSet, kind: str, *, is_tiny: bool) -> list[dict[str, Any]]:
    """Return the settings of the three projects.

    A task's number of answers is its own, see `LabelStudioQueue.ask`; 1 is what it begins with. Changing
    the project's number would overwrite that of every task, so it never follows a setting.
    """
    everywhere = {
        "show_instruction": False,  # Enter, meant to close that dialog, would submit the suggestion behind it
        "sampling": "Sequential sampling",
        "skip_queue": "REQUEUE_FOR_OTHERS",
        "show_collab_predictions": True,
    }
    main = everywhere | {
        "label_config": interface(labels, kind, is_tiny=is_tiny),
        "expert_instruction": annotator_guide(labels, kind),
        "maximum_annotations": 1,
    }
    adjudication = main | {
        "label_config": adjudication_interface(labels, kind, is_tiny=is_tiny),
        "expert_instruction": adjudicator_guide(labels, kind),
    }
    return [main, adjudication, main | {"maximum_annotations": _EVERYBODY}]


def _changes(project: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wanted.items() if project.get(key) != value}


def _found_or_made(server: LabelStudioClient, titles: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the project of each title, as it is on the server."""
    there = _found(server, titles)
    missing = [title for title in titles if title not in there]
    if missing:
        made = {title: server.post("/api/projects/", {"title": title})["id"] for title in missing}
        there = _found(server, titles)
        for title, mine in made.items():
            _put_aside(server, mine, there[title]["id"])
    return [there[title] for title in titles]


def _found(server: LabelStudioClient, titles: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the oldest project of each title that has one.

    Oldest first: Label Studio counts the matches before it reads them, newest first unless asked otherwise,
    and so leaves out the oldest when others are made between the two.
    """
    start = titles[-1].partition("~")[0].removesuffix(" onboarding")  # the list matches parts of titles
    matches = server.pages("/api/projects/", {"title": start, "ordering": "id", "include": _FIELDS})
    found: dict[str, dict[str, Any]] = {}
    for project in sorted(matches, key=lambda project: int(project["id"])):
        if project["title"] in titles:
            found.setdefault(project["title"], project)
    return found


def _put_aside(server: LabelStudioClient, mine: int, oldest: int) -> None:
    """Give way to the older project of the same title, if somebody else made one at the same moment.

    The younger one gets another title and is not deleted: while Label Studio deletes a project it switches
    off every signal of its process, and two deletions at once leave them off until it is restarted; it then
    no longer counts annotations or gives new people a token.
    """
    if mine == oldest:
        return
    note = f"Made together with project {oldest}, which is used; empty, may be deleted."
    server.patch(f"/api/projects/{mine}/", {"title": f"unused {mine}", "description": note})


def _refuse_lost_labels(
    server: LabelStudioClient, project_id: int, label_config: str, labels: LabelSet
) -> None:
    """Raise if annotators have used a label that is about to go; Label Studio itself would let it happen."""
    removed = {name for name in _labels_of(label_config) if name not in labels}
    if not removed:
        return
    used: set[str] = set()
    annotated = ("total_annotations", "greater", "Number", 0)
    for row in sweep(server, project_id, "id,annotations,result", annotated, is_full=True):
        for annotation in row["annotations"]:
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


def _serve(server: LabelStudioClient, project_id: int, folder: str) -> None:
    """Let everybody who has access to the project see the pictures in `folder`, in whatever project."""
    storages = "/api/storages/localfiles/"
    if all(storage["path"] != folder for storage in server.get(storages, {"project": project_id})):
        server.post(storages, {"project": project_id, "path": folder, "use_blob_urls": True})
