"""Fixtures: the labelling queues and model registries that keep one contract."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from goldloop.core.ports import LabelingQueue
from goldloop.services import Endpoints
from tests.contracts.labeling import LABELS, Desk, FakeDesk, RealDesk
from tests.contracts.trained_models import START
from tests.e2e.embedded_servers import let_into_everything

_numbers = count(1)


@pytest.fixture(scope="module")
def people(request: pytest.FixtureRequest) -> dict[str, str]:
    """Tokens of four accounts, by user id; each may do all that it may on a server without doors."""
    from goldloop.adapters.label_studio import add_annotator

    server = request.getfixturevalue("services").label_studio
    accounts = [
        add_annotator(server.url, server.token, email=f"{name}@contract.example", password=f"{name}-password")
        for name in FakeDesk.people
    ]
    let_into_everything(server, *(account.user_id for account in accounts))
    return {account.user_id: account.token for account in accounts}


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.servers)])
def made(request: pytest.FixtureRequest) -> Iterator[tuple[LabelingQueue, Desk]]:
    """An empty queue and its annotators; "plain" is a server that has none of goldloop's own addresses."""
    if request.param == "fake":
        fake = FakeDesk(LABELS)
        yield fake, fake
        return
    from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
    from goldloop.adapters.label_studio.assignment import OVERLAPS
    from goldloop.adapters.label_studio.task_list import CHANGES

    server = request.getfixturevalue("services").label_studio
    projects = ensure_projects(
        server.url,
        server.token,
        name=f"contract-{next(_numbers)}",
        labels=LABELS,
        images_root=Path(server.files_root) / "images",
    )
    queue = LabelStudioQueue(server.url, server.token, projects, LABELS, secret=b"of this workspace")
    if request.param == "plain":
        queue._server._absent |= {OVERLAPS, CHANGES}
    queue.delete(list(queue.all_tasks()))  # a server that outlives a test run keeps its projects
    desk = RealDesk(server.url, server.token, request.getfixturevalue("people"), projects)
    yield queue, desk
    desk.http.close()


@pytest.fixture
def queue(made: tuple[LabelingQueue, Desk]) -> LabelingQueue:
    """An empty queue."""
    return made[0]


@pytest.fixture
def desk(made: tuple[LabelingQueue, Desk]) -> Desk:
    """The annotators of that queue."""
    return made[1]


@pytest.fixture
def mlflow_url(services: Endpoints, mlflow_login: None) -> str:
    """Return the address of the real MLflow server; the environment logs in."""
    return services.mlflow.url


@pytest.fixture
def run_id(mlflow_url: str) -> str:
    """Return an open run on the real server."""
    from goldloop.adapters.mlflow_runs import MlflowRuns

    return MlflowRuns(mlflow_url, "pets").begin(START)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return a folder as a trained model is saved in."""
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "card.json").write_text('{"labels": ["a", "b", "c"]}')
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 64)
    return folder
