"""The numbers of tasks and answers on the server, which goldloop compares with its own."""

from __future__ import annotations

from typing import Any, cast

import pytest

from goldloop.adapters.label_studio.client import LabelStudioClient
from goldloop.adapters.label_studio.task_list import count
from goldloop.core.annotations import ServerCounts
from goldloop.core.errors import ServiceError


class Server:
    """A Label Studio that lists these numbers of tasks and answers, by project id."""

    url = "http://labels.example"

    def __init__(self, numbers: dict[int, tuple[int, int]]) -> None:
        self.numbers = numbers

    def pages(self, path: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        """List the projects that the request names and the server has, newest first."""
        wanted = [int(text) for text in params["ids"].split(",")]
        return [
            {"id": id_, "task_number": numbers[0], "total_annotations_number": numbers[1]}
            for id_, numbers in sorted(self.numbers.items(), reverse=True)
            if id_ in wanted
        ]


def counted(server: Server, *projects: int) -> ServerCounts:
    """Return what `count` makes of `server`."""
    return count(cast("LabelStudioClient", server), projects)


def test_counts_add_up_over_the_projects_of_the_workspace_alone() -> None:
    """Another workspace's project on the same server does not count."""
    server = Server({1: (500, 20), 2: (7, 3), 3: (0, 0), 9: (1000, 1000)})

    assert counted(server, 1, 2, 3) == ServerCounts(507, 23)


def test_a_missing_project_is_no_project_without_tasks() -> None:
    """The server leaves it out of its list; its tasks must not pass for deleted ones."""
    with pytest.raises(ServiceError, match=r"does not list project 2; check that it was not deleted"):
        counted(Server({1: (500, 20), 3: (0, 0)}), 1, 2, 3)
