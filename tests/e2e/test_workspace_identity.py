"""Workspaces share servers, not work: each finds its own projects, models and deployments by its id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from mlflow import MlflowClient

from goldloop.adapters.mlflow_registry import MlflowRegistry
from goldloop.adapters.mlflow_runs import MlflowRuns
from goldloop.core.errors import ModelError
from goldloop.services import Endpoints, LabelStudioEndpoint
from tests.contracts.trained_models import START
from tests.e2e.commands import Loop
from tests.e2e.people import answer_all
from tests.images import write_good

pytestmark = pytest.mark.servers


def rename(server: LabelStudioEndpoint, project_id: int, **change: str) -> None:
    """Change a project as anybody may on its settings page."""
    headers = {"Authorization": f"Token {server.token}"}
    address = f"{server.url}/api/projects/{project_id}/"
    httpx.patch(address, json=change, headers=headers, trust_env=False).raise_for_status()


def test_two_workspaces_of_one_name_on_one_server(
    make_loop: Callable[..., Loop], services: Endpoints, tmp_path: Path
) -> None:
    """The second one gets nothing of the first one's answers, and its own projects and models."""
    pictures = write_good(tmp_path / "pictures", 12)[0].parent
    first = make_loop("one/twins", labels=["cat", "dog"])
    second = make_loop("two/twins", labels=["cat", "dog"])
    for loop in (first, second):
        loop.score_without_model(pictures)
        loop.run("push")

    answer_all(services.label_studio, first.queue(), lambda _: "cat")
    n_answers = {name: loop.json("pull")["n_new"] for name, loop in (("1", first), ("2", second))}

    assert n_answers["1"] > 0
    assert n_answers["2"] == 0
    assert second.parts.gold.newest().version == 0
    assert not {*first.queue().projects} & {*second.queue().projects}
    assert first.parts.registry.name != second.parts.registry.name
    assert first.parts.runs.name != second.parts.runs.name


def test_renamed_projects_are_still_ours(
    make_loop: Callable[..., Loop], services: Endpoints, tmp_path: Path
) -> None:
    """All answers arrive after projects and workspace got other names; no project is made anew."""
    loop = make_loop("renamed", labels=["cat", "dog"])
    loop.score_without_model(write_good(tmp_path / "pictures", 12)[0].parent)
    loop.run("push")
    before = loop.queue().projects
    given = answer_all(services.label_studio, loop.queue(), lambda _: "dog")
    for project_id in before:
        rename(services.label_studio, project_id, title=f"Team A {project_id}", description="")
    settings = loop.root / "goldloop.toml"
    settings.write_text(settings.read_text().replace('name = "renamed"', 'name = "other"'))

    report = loop.json("pull")

    assert report["n_new"] == len(given)
    assert loop.queue().projects == before
    assert len(loop.parts.gold.records()) == len(given)


@pytest.mark.usefixtures("mlflow_login")
def test_a_model_and_an_experiment_of_another_workspace_are_refused(
    services: Endpoints, tmp_path: Path
) -> None:
    """Both carry the id of their workspace, and nobody else gets a version or a run."""
    url, name = services.mlflow.url, "owned"
    runs = MlflowRuns(url, name, workspace_id="ours")
    runs.begin(START)
    client = MlflowClient(tracking_uri=url, registry_uri=url)
    client.create_registered_model(name, tags={"goldloop.workspace": "ours"})

    assert MlflowRegistry(url, name, cache=tmp_path, workspace_id="ours").version_at("champion") is None
    with pytest.raises(ModelError, match="belongs to the workspace ours, this one is theirs"):
        MlflowRegistry(url, name, cache=tmp_path, workspace_id="theirs").version_at("champion")
    with pytest.raises(ModelError, match="belongs to the workspace ours, this one is theirs"):
        MlflowRuns(url, name, workspace_id="theirs").begin(START)
