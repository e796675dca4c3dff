"""Labels of any Label Studio project: its export, with the pictures that only the server has, as a folder.

The folder holds `tasks.json` as `goldloop.formats.label_studio` reads it. Choices and content have there the
names that the format gives them, whatever the project's labelling interface calls them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx

from goldloop.adapters.label_studio.client import LabelStudioClient, translated
from goldloop.core.disk import make_folder, write_whole
from goldloop.core.errors import SourceError
from goldloop.formats.label_studio import FILE

PICTURES = "pictures"
_LOST = (400, 403, 404, 500)
"""What Label Studio 1.23 answers of files that it lacks; of an upload that was deleted it is 500."""
_PROJECT = re.compile(r"(?P<server>.*?)/projects/(?P<id>\d+)(/.*)?")
_COLUMN_OF = {"Image": "image", "Text": "text", "HyperText": "text"}
"""Column in which the format keeps what an object of the interface shows; all others keep their name."""


@dataclass(frozen=True, slots=True)
class ProjectAddress:
    """A project by the address of its page, such as https://labels.example/projects/12/data."""

    server: str
    project_id: int

    @classmethod
    def of(cls, address: str) -> ProjectAddress:
        """Return the project at `address`.

        Raises:
            SourceError: it is the address of none.
        """
        parts = urlsplit(address)
        found = _PROJECT.fullmatch(parts.path)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or found is None
            or "@" in parts.netloc
        ):
            raise SourceError(
                f"{address} is no project of Label Studio; give the address of its page, such as "
                "https://labels.example/projects/12, and the token in GOLDLOOP_IMPORT_TOKEN"
            )
        return cls(f"{parts.scheme}://{parts.netloc}{found['server']}", int(found["id"]))

    def __str__(self) -> str:
        return f"{self.server}/projects/{self.project_id}"

    def is_at(self, server: str) -> bool:
        """Return whether the project is on the server at this address."""
        return self.server.rstrip("/") == server.rstrip("/")


def export_project(address: ProjectAddress, token: str, folder: Path) -> Path:
    """Write the labelled tasks of a project into a folder of its own in `folder`; return that folder.

    Pictures that lie on the server itself are written beside them, and those written before are kept;
    pictures at other addresses keep theirs, and the token goes nowhere but to the server.

    Raises:
        ServiceError: Label Studio does not answer, or refuses the token or the project.
        SourceError: the project has no choice to import.
    """
    digest = hashlib.sha256(str(address).encode()).hexdigest()[:12]
    target = folder / f"label-studio-{address.project_id}-{digest}"
    make_folder(target / PICTURES)
    with translated(address.server, f"export project {address.project_id}"):
        server = LabelStudioClient(address.server, token)
        project = server.get(f"/api/projects/{address.project_id}/")
        asked = _asked(project["label_config"], address)
        exported = server.get(
            f"/api/projects/{address.project_id}/export",
            {"exportType": "JSON", "download_all_tasks": "false"},
        )
        tasks = [_task(task, asked, server, target) for task in exported]
    write_whole(target / FILE, json.dumps(tasks, ensure_ascii=False).encode())
    return target


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a project asks: the name of its choices, and the data that it shows, by name in the format."""

    choices: str
    columns: Mapping[str, str]


def _asked(label_config: str, address: ProjectAddress) -> _Asked:
    """Return what the interface asks: its first choices, about one sample as a whole."""
    try:
        root = ET.fromstring(label_config or "<View/>")
    except ET.ParseError:
        root = ET.Element("View")
    choices = next((one for one in root.iter("Choices") if one.get("perRegion") != "true"), None)
    if choices is None or not choices.get("name"):
        raise SourceError(f"{address} has no Choices in its labelling interface; goldloop imports choices")
    about = choices.get("toName", "")
    columns = {
        (one.get("value") or "").removeprefix("$"): _COLUMN_OF[one.tag]
        for one in root.iter()
        if one.tag in _COLUMN_OF and one.get("name") == about
    }
    return _Asked(choices.get("name", ""), columns)


def _task(task: Mapping[str, Any], asked: _Asked, server: LabelStudioClient, target: Path) -> dict[str, Any]:
    """Return a task as the format has it."""
    shown = {asked.columns[name]: value for name, value in task["data"].items() if name in asked.columns}
    data = {**task["data"], **shown}
    if isinstance(data.get("image"), str):
        data["image"] = _picture(data["image"], server, target)
    annotations = [{**one, "result": list(_choices(one, asked))} for one in task.get("annotations") or []]
    return {"id": task["id"], "data": data, "annotations": annotations}


def _choices(annotation: Mapping[str, Any], asked: _Asked) -> Iterator[Mapping[str, Any]]:
    """Yield the answers to what is asked; reasons and further questions are left out."""
    for result in annotation.get("result") or []:
        if result.get("from_name") == asked.choices:
            yield result


def _picture(place: str, server: LabelStudioClient, target: Path) -> str:
    """Return where the picture of a task lies: in the folder if it is on the server, or at its own address.

    A task names no file of this machine. The row of a picture that cannot be had is refused, as nothing lies
    in its place, and the others count.
    """
    parts = urlsplit(place)
    if parts.scheme and parts.scheme != "file":
        return place
    ending = PurePosixPath(parts.query or parts.path).suffix.lower()
    ending = ending if re.fullmatch(r"\.[a-z0-9]{1,5}", ending) else ""
    name = f"{PICTURES}/{hashlib.sha256(place.encode()).hexdigest()[:32]}{ending}"
    if place.startswith("/") and not (target / name).exists():
        try:
            write_whole(target / name, server.content(place))
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in _LOST:
                raise
    return name
