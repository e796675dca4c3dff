"""A workspace that is copied while its servers run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from goldloop.services import Endpoints, down, endpoints, up
from goldloop.services.health import check_health
from goldloop.settings.workspace import Workspace
from tests.e2e.embedded_servers import pids, token_session

pytestmark = pytest.mark.servers


def test_a_copy_has_servers_of_its_own(
    services_workspace: Workspace, services: Endpoints, tmp_path: Path
) -> None:
    """Its `down` leaves those of the original alone, its `up` starts its own, on other ports."""
    before = pids(services_workspace)
    shutil.copytree(services_workspace.root, tmp_path / "copy")
    copy = Workspace.open(tmp_path / "copy")
    try:
        assert down(copy, say=print) == 0
        theirs = up(copy, say=print)

        assert not {*theirs.addresses.values()} & {*services.addresses.values()}
        assert not {*pids(copy).values()} & {*before.values()}
        created = token_session(theirs).post(
            f"{theirs.label_studio.url}/api/projects", json={"title": "only in the copy"}, timeout=30
        )
        assert created.status_code == 201
        listed = token_session(services).get(f"{services.label_studio.url}/api/projects", timeout=30).json()
        assert "only in the copy" not in [project["title"] for project in listed["results"]]
    finally:
        assert down(copy, say=print) >= 3
    assert endpoints(services_workspace) == services
    assert pids(services_workspace) == before
    for name in before:
        check_health(name, services)
