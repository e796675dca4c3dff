"""Which Label Studio projects a workspace takes for its own: by id and mark, never by title alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any, cast

import pytest

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.project_search import find_or_create, known, with_mark
from goldloop.core.errors import ServiceError
from goldloop.settings.identity import Identity

TITLES = ("goldloop shop", "goldloop shop adjudication", "goldloop shop onboarding")
OURS = Identity("1" * 32, "shop-11111111", "/a/shop")
THEIRS = Identity("2" * 32, "shop-22222222", "/b/shop")
OLD = Identity("3" * 32, "shop", "/c/shop", adopts_unmarked=True)


class Server:
    """The projects of one Label Studio."""

    url = "http://labels.example"

    def __init__(self, start: str = "2026-01-05T09:00") -> None:
        self.start, self.ids = start, count(1)
        self.projects: dict[int, dict[str, Any]] = {}

    def pages(self, path: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        """List the projects, oldest first."""
        wanted = params["ids"].split(",") if "ids" in params else None
        return [dict(one) for one in self.projects.values() if wanted is None or str(one["id"]) in wanted]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a project."""
        number = next(self.ids)
        self.projects[number] = {
            "id": number, "description": None, "created_at": f"{self.start}:{number:02}Z", **body,
        }  # fmt: skip
        return self.projects[number]

    def patch(self, path: str, body: dict[str, Any]) -> None:
        """Change a project."""
        self.projects[int(path.split("/")[3])].update(body)

    def found(self, identity: Identity) -> list[int]:
        """Return the ids of the projects of `identity`, made if there are none."""
        return [one["id"] for one in self.rows(identity)]

    def rows(self, identity: Identity) -> list[dict[str, Any]]:
        """Return the projects of `identity`, made if there are none."""
        return find_or_create(cast("LabelStudioClient", self), identity, TITLES)


def test_two_workspaces_of_one_name_share_no_project() -> None:
    """The second one makes its own; both find theirs again."""
    server = Server()

    ours, theirs = server.found(OURS), server.found(THEIRS)

    assert (ours, theirs) == ([1, 2, 3], [4, 5, 6])
    assert (server.found(OURS), server.found(THEIRS)) == (ours, theirs)


def test_renamed_projects_are_found() -> None:
    """Whatever titles they have, with and without a record of their ids."""
    server = Server()
    rows = server.rows(OURS)
    for project in server.projects.values():
        project["title"] = f"Team A {project['id']}"

    assert server.found(OURS) == [1, 2, 3]
    assert server.found(replace(OURS, projects=known(rows))) == [1, 2, 3]


def test_a_recorded_project_without_its_mark_is_still_ours() -> None:
    """Its id and moment of creation prove it when somebody has emptied the description."""
    server = Server()
    recorded = replace(OURS, projects=known(server.rows(OURS)))
    for project in server.projects.values():
        project.update(title="Team A", description="")

    assert server.found(recorded) == [1, 2, 3]
    assert with_mark("Our shop.", OURS, "labeling").startswith(f"Our shop.\ngoldloop workspace {OURS.id}")


def test_the_ids_of_another_server_prove_nothing() -> None:
    """On a new server the same numbers belong to somebody else's projects."""
    recorded = replace(OURS, projects=known(Server().rows(OURS)))
    another = Server("2026-02-02T09:00")
    for title in TITLES:
        another.post("/api/projects/", {"title": title})

    assert another.found(recorded) == [4, 5, 6]


def test_a_deleted_project_is_made_again() -> None:
    """Only the one that is missing."""
    server = Server()
    recorded = replace(OURS, projects=known(server.rows(OURS)))
    del server.projects[2]

    assert server.found(recorded) == [1, 4, 3]


def test_a_recorded_project_with_a_strangers_mark_is_refused() -> None:
    """goldloop names both and does not guess."""
    server = Server()
    recorded = replace(OURS, projects=known(server.rows(OURS)))
    server.projects[1]["description"] = with_mark(None, THEIRS, "labeling")

    with pytest.raises(ServiceError, match=rf"project 1 .* mark of another one: .*{THEIRS.id}"):
        server.found(recorded)


def test_only_an_older_workspace_adopts_and_only_what_nobody_marked() -> None:
    """Projects from the time before marks belong to the first older workspace of their name."""
    server = Server()
    for title in TITLES:
        server.post("/api/projects/", {"title": title})

    assert server.found(OURS) == [4, 5, 6]
    assert server.found(OLD) == [1, 2, 3]

    for number, role in zip((1, 2, 3), ("labeling", "adjudication", "onboarding"), strict=True):
        server.projects[number]["description"] = with_mark(None, OLD, role)

    another = replace(OLD, id="4" * 32)
    with pytest.raises(
        ServiceError, match=rf"'goldloop shop' of another workspace: .*{OLD.id}.*If it lost that"
    ):
        server.found(another)
    assert server.found(replace(another, adopts_unmarked=False)) == [7, 8, 9]


def test_of_a_project_and_its_imported_twin_the_older_one_is_used() -> None:
    """A project that was exported and imported again carries the mark twice."""
    server = Server()
    server.found(OURS)
    server.post("/api/projects/", {k: server.projects[1][k] for k in ("title", "description")})

    assert server.found(OURS) == [1, 2, 3]
