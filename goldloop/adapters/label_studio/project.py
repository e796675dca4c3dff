"""The Label Studio projects of a workspace: created once, then found and kept up to date."""

from __future__ import annotations

import hashlib
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.adapters.label_studio.payload import chosen_labels
from goldloop.adapters.label_studio.project_search import ROLES, find_or_create, known, with_mark
from goldloop.adapters.label_studio.sheets import MOST_PICTURES, sheet_project
from goldloop.adapters.label_studio.tabs import QUEUES, ensure_tabs
from goldloop.adapters.label_studio.task_list import sweep
from goldloop.core.errors import LabelError, ServiceError
from goldloop.core.labels import LabelSet
from goldloop.core.questions import DEFERRAL, NO_QUESTIONS, Questions
from goldloop.core.tasks import Purpose
from goldloop.settings.identity import Identity, KnownProject
from labelstudio_config.interface import FROM_NAME, guide, interface
from labelstudio_config.retired import with_retired

_MAX_NAME = 28  # characters, so that the longest title has the 50 that Label Studio allows
_TINY_PX = 128  # the page enlarges smaller images so far that smoothing would hide their details
_SAMPLE_FILES = 32
_SERVED_ROOT = "LOCAL_FILES_DOCUMENT_ROOT"
_EVERYBODY = 1000  # answers to an onboarding task: one from every annotator


@dataclass(frozen=True, slots=True)
class Projects:
    """Ids of the Label Studio projects of one workspace.

    Annotators label in `main`, adjudicators decide disputes in `adjudication`, and new annotators begin in
    `onboarding`. A workspace that has ever had sheets has a fourth for these.
    """

    main: int
    adjudication: int
    onboarding: int
    sheets: int | None = None
    known: tuple[KnownProject, ...] = field(default=(), compare=False, repr=False)  # for workspace.json

    def of(self, purpose: Purpose) -> int:
        """Return the project that holds the tasks of `purpose`.

        Raises:
            ServiceError: it is that of sheets, and there is none.
        """
        if purpose.is_on_sheet:
            if self.sheets is None:
                raise ServiceError(
                    "sheets are planned, and the workspace has no Label Studio project for them; set "
                    "sheets.enabled to true, push, and then turn them off again if nobody wants them"
                )
            return self.sheets
        if purpose is Purpose.ADJUDICATION:
            return self.adjudication
        return self.onboarding if purpose is Purpose.ONBOARDING else self.main

    def __iter__(self) -> Iterator[int]:
        return iter(self.single if self.sheets is None else (*self.single, self.sheets))

    @property
    def single(self) -> tuple[int, int, int]:
        """The projects whose tasks show one sample each."""
        return self.main, self.adjudication, self.onboarding


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket with pictures, for which the server has credentials; its links work for some minutes."""

    name: str
    link_minutes: int


def project_titles(name: str) -> list[str]:
    """Return the titles of the projects of the workspace called `name`, in the order of `ROLES`.

    Label Studio allows 50 characters. A longer name is cut and gets a hash behind a tilde; no name contains a
    tilde.
    """
    short = name
    if len(name) > _MAX_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        short = f"{name[: _MAX_NAME - 1 - len(digest)]}~{digest}"
    return [f"goldloop {name}", *(f"goldloop {short} {role}" for role in ROLES[1:])]


def ensure_projects(
    url: str,
    token: str,
    *,
    name: str,
    labels: LabelSet,
    images_root: Path | None,
    kind: str = "image",
    questions: Questions = NO_QUESTIONS,
    identity: Identity | None = None,
    bucket: Bucket | None = None,
) -> Projects:
    """Return the projects of the workspace called `name`, created or brought up to date.

    `kind` and `questions` decide the labelling screen. `identity` is the workspace's, to which the projects
    belong; None, on a server that nobody else uses: the name stands for it. Two machines that create them at
    the same time both get the older ones. A workspace that asks for sheets, or ever has, has a project for
    them. Annotators get access to `images_root`, the content store as the
    server sees it below its LOCAL_FILES_DOCUMENT_ROOT; with a `bucket` to that instead, and the pictures in
    `images_root` here only tell their size. It takes six requests when nothing has to change, nine with a
    `bucket`.

    Raises:
        LabelError: a label that annotators have used is missing from `labels`.
        ServiceError: the server failed or refused a request.
    """
    server = LabelStudioClient(url, token)
    wanted = _wanted(labels, kind, questions, is_tiny=images_root is not None and _are_tiny(images_root))
    owner = identity or Identity(id=name, handle=name, root="")
    if len(owner.projects) < len(ROLES) and questions.n_on_sheet is None:
        wanted = wanted[: len(ROLES) - 1]
    titles = project_titles(name)[: len(wanted)]
    with translated(url, f"create the projects {', '.join(map(repr, titles))}"):
        projects = find_or_create(server, owner, titles)
        for project in projects:
            _refuse_lost_labels(server, project["id"], project["label_config"], labels)
        for role, project, settings in zip(ROLES, projects, wanted, strict=False):
            mark = {"description": with_mark(project["description"], owner, role)}
            _update(server, project, settings | mark)
        for project, queues in zip(projects, (QUEUES, {}, {}, {}), strict=False):
            ensure_tabs(server, project["id"], queues)
        ids = Projects(*(project["id"] for project in projects))
    if bucket is not None:
        _serve_bucket(server, ids, bucket)
    elif images_root is not None:
        with translated(url, f"serve {images_root}, a folder it must have below its {_SERVED_ROOT},"):
            serve_folder(server, ids.main, str(images_root))
    return replace(ids, known=known(projects))


def _update(server: LabelStudioClient, project: dict[str, Any], settings: dict[str, Any]) -> None:
    settings |= {"label_config": with_retired(settings["label_config"], project["label_config"])}
    change = {key: value for key, value in settings.items() if project.get(key) != value}
    if change:
        server.patch(f"/api/projects/{project['id']}/", change)


def _wanted(labels: LabelSet, kind: str, questions: Questions, *, is_tiny: bool) -> list[dict[str, Any]]:
    """Return the settings of the projects, in the order of `ROLES`.

    Each task has its own number of answers, initially 1; see `LabelStudioQueue.ask`. A change of the
    project's number would overwrite that of every task, so it never follows a setting.
    """
    main = {
        "show_instruction": False,  # Enter closes the dialog, and would also submit the suggestion behind it
        "sampling": "Sequential sampling",
        "skip_queue": "REQUEUE_FOR_OTHERS",
        "show_collab_predictions": True,
        "label_config": interface(labels, kind, questions=questions, is_tiny=is_tiny),
        "expert_instruction": guide(labels, kind, questions=questions),
        "maximum_annotations": 1,
    }
    adjudication = main | {
        "label_config": interface(labels, kind, questions=questions, is_dispute=True, is_tiny=is_tiny),
        "expert_instruction": guide(labels, kind, questions=questions, is_dispute=True),
    }
    sheets = sheet_project(questions.n_on_sheet or MOST_PICTURES)
    return [main, adjudication, main | {"maximum_annotations": _EVERYBODY}, sheets]


def _are_tiny(store: Path) -> bool:
    """Return whether the images in `store` are so small that the page must enlarge them without smoothing.

    It reads the first few files; the images of an empty store are not tiny.
    """
    sizes = []
    for path in islice(_files(store), _SAMPLE_FILES):
        try:
            with Image.open(path) as image:
                sizes.append(max(image.size))
        except (OSError, Image.DecompressionBombError):
            continue
    return bool(sizes) and max(sizes) <= _TINY_PX


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()  # the order in which os.walk goes on
        yield from (Path(parent) / name for name in sorted(names))


def _refuse_lost_labels(
    server: LabelStudioClient, project_id: int, label_config: str | None, labels: LabelSet
) -> None:
    """Raise if annotators have used a label that `labels` lacks; Label Studio itself would remove it.

    DEFERRAL stands among the labels and is none.
    """
    removed = {name for name in labels_of(label_config) if labels.find(name) is None} - {DEFERRAL}
    if not removed:
        return
    used: set[str] = set()
    annotated = ("total_annotations", "greater", "Number", 0)
    for row in sweep(server, [project_id], "id,annotations,result", annotated, is_full=True):
        for annotation in row["annotations"]:
            used |= removed & chosen_labels(annotation.get("result"))
    if used:
        raise LabelError(
            f"labels {sorted(used)} are gone from the label set, but annotators have used them in Label "
            f"Studio project {project_id}; put them back, or start a new workspace"
        )


def labels_of(label_config: str | None) -> list[str]:
    """Return the labels of an interface; Label Studio keeps its text unchanged."""
    try:
        root = ET.fromstring(label_config or "<View/>")
    except ET.ParseError:
        return []
    for choices in root.iter("Choices"):
        if choices.get("name") == FROM_NAME:
            return [choice.get("alias") or choice.get("value") or "" for choice in choices.iter("Choice")]
    return []


def serve_folder(server: LabelStudioClient, project_id: int, folder: str) -> None:
    """Give all accounts with access to the project access to the images in `folder`, in any project."""
    storages = "/api/storages/localfiles/"
    if all(storage["path"] != folder for storage in server.get(storages, {"project": project_id})):
        server.post(storages, {"project": project_id, "path": folder, "use_blob_urls": True})


def _serve_bucket(server: LabelStudioClient, projects: Projects, bucket: Bucket) -> None:
    """Let pages of the projects show pictures of `bucket` by links that the server makes at each look.

    Address and credentials are the server's own (S3_ENDPOINT, AWS_ACCESS_KEY_ID): none lies in its database.
    """
    storages = "/api/storages/s3/"
    wanted = {"bucket": bucket.name, "use_blob_urls": True, "presign": True}
    wanted |= {"presign_ttl": bucket.link_minutes}
    doing = f"show pictures of the bucket {bucket.name}, for which it needs S3_ENDPOINT and keys of its own,"
    with translated(server.url, doing):
        for project_id in projects:
            found = server.get(storages, {"project": project_id})
            mine = next((one for one in found if one["bucket"] == bucket.name), None)
            if mine is None:
                server.post(storages, wanted | {"project": project_id, "title": "pictures of goldloop"})
            elif any(mine[name] != value for name, value in wanted.items()):
                server.patch(f"{storages}{mine['id']}", wanted)
