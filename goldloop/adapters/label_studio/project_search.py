"""Which Label Studio projects belong to a workspace: those it made or marked, whatever they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.core.errors import ServiceError
from goldloop.settings.identity import Identity, KnownProject

ROLES = ("labeling", "adjudication", "onboarding", "sheets")
"""What projects are for, in the order in which a workspace records them; not all have the last."""

FIELDS = (
    "id,title,description,created_at,label_config,expert_instruction,show_instruction,maximum_annotations,"
    "sampling,skip_queue,show_collab_predictions"
)
_MARK = "goldloop workspace "
Project = dict[str, Any]


def find_or_create(server: LabelStudioClient, identity: Identity, titles: Sequence[str]) -> list[Project]:
    """Return the project of each role, the main one first; create the missing ones with `titles`.

    There are as many roles as titles.

    A project belongs to the workspace if the workspace recorded its id and moment of creation, or else if its
    description carries the workspace's mark. A title proves nothing: anybody may change it, and several
    workspaces may have one name. Only a workspace older than the marks adopts a project
    by its title, if it has no mark.

    Raises:
        ServiceError: a recorded project now carries the mark of another workspace, or the workspace may have
            lost its workspace.json.
    """
    titled = dict(zip(ROLES, titles, strict=False))
    present = _recorded(server, identity)
    if not present.keys() >= titled.keys():
        present = _searched(server, identity, titled) | present
    missing = [(role, title) for role, title in titled.items() if role not in present]
    if missing:
        made = {
            role: server.post(
                "/api/projects/", {"title": title, "description": with_mark(None, identity, role)}
            )["id"]
            for role, title in missing
        }
        present = _searched(server, identity, titled) | present
        for role, mine in made.items():
            _put_aside(server, mine, present[role]["id"])
    return [present[role] for role in titled]


def with_mark(description: str | None, identity: Identity, role: str) -> str:
    """Return `description`, with the mark of the workspace in a line of its own if it has none."""
    text, mark = description or "", f"{_MARK}{identity.id}: {role}"
    if mark in text:
        return text
    return f"{text}\n{mark} (goldloop finds the project by this line)".strip()


def known(projects: Sequence[Project]) -> tuple[KnownProject, ...]:
    """Return what the workspace records of its projects."""
    return tuple(KnownProject(project["id"], project["created_at"]) for project in projects)


def _recorded(server: LabelStudioClient, identity: Identity) -> dict[str, Project]:
    """Return by role those of the recorded projects that the server still has."""
    if not identity.projects:
        return {}
    ids = ",".join(str(project.id) for project in identity.projects)
    rows = {row["id"]: row for row in server.pages("/api/projects/", {"ids": ids, "include": FIELDS})}
    found = {}
    for role, project in zip(ROLES, identity.projects, strict=False):
        row = rows.get(project.id)
        if row is None or _moment(row["created_at"]) != _moment(project.created_at):
            continue  # deleted, or the server is another one
        description = row["description"] or ""
        if _MARK in description and f"{_MARK}{identity.id}" not in description:
            raise ServiceError(
                f"Label Studio project {project.id} ({row['title']!r}) at {server.url} belongs to this "
                f"workspace, but its description carries the mark of another one: {description!r}; put "
                f"'{_MARK}{identity.id}: {role}' there instead (Settings, General), then run this again"
            )
        found[role] = row
    return found


def _searched(server: LabelStudioClient, identity: Identity, titled: Mapping[str, str]) -> dict[str, Project]:
    """Return by role the oldest project that carries our mark, or else one that the workspace may adopt.

    The request orders the projects oldest first: Label Studio counts the projects before it reads them, and
    in its default order, newest first, it would leave out the oldest when others are created in between.
    """
    marked: dict[str, Project] = {}
    unmarked: dict[str, Project] = {}
    strangers: list[Project] = []
    for row in server.pages("/api/projects/", {"ordering": "id", "include": FIELDS}):
        description = row["description"] or ""
        if row["title"] in titled.values() and _MARK in description:
            strangers.append(row)
        for role, title in titled.items():
            if f"{_MARK}{identity.id}: {role}" in description:
                marked.setdefault(role, row)
            elif identity.adopts_unmarked and row["title"] == title and _MARK not in description:
                unmarked.setdefault(role, row)
    if strangers and identity.adopts_unmarked and not marked and not unmarked:
        raise ServiceError(
            f"Label Studio at {server.url} has a project {strangers[0]['title']!r} of another workspace: "
            f"{strangers[0]['description']!r}; this workspace had no workspace.json. If it lost that file, "
            "restore it, or put the id of that project there. If it never had projects on this server, set "
            "`adopts_unmarked` to false there, and it begins with new ones"
        )
    return unmarked | marked


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _put_aside(server: LabelStudioClient, mine: int, oldest: int) -> None:
    """Rename our project if another process of the workspace created one at the same time.

    goldloop renames the younger project and does not delete it. While Label Studio deletes a project, it
    switches off all signals of its process, and two deletions at once leave them off until a restart: it then
    counts no annotations and gives new accounts no token.
    """
    if mine == oldest:
        return
    note = f"Made together with project {oldest}, which is used; empty, may be deleted."
    server.patch(f"/api/projects/{mine}/", {"title": f"unused {mine}", "description": note})
