"""The loop on the servers of docker-compose.yml: PostgreSQL, an object store, and a Prefect worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from goldloop.services import Endpoints, LabelStudioEndpoint, MlflowEndpoint, PrefectEndpoint
from scripts.topology.description import ROOT
from scripts.topology.processes import Topology, running
from tests.databases import postgresql_programs
from tests.e2e.commands import Loop, finish
from tests.e2e.people import answer_all, said_by_truth, some_digits

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(1500),
]  # Label Studio makes its schema, twice it starts

DIGITS = [str(digit) for digit in range(10)]
N_FILES, BUDGET = 300, 60


@pytest.fixture
def topology(monkeypatch: pytest.MonkeyPatch) -> Iterator[Topology]:
    """Yield the running servers; the worker starts later, on a workspace."""
    postgresql_programs()
    with running(without=("worker",)) as servers:
        for name, value in servers.servers["worker"].environment.items():
            if name.startswith(("AWS_", "MLFLOW_", "GOLDLOOP_", "PREFECT_API_")):
                monkeypatch.setenv(name, value)
        yield servers


@pytest.fixture
def loop(topology: Topology) -> Loop:
    """Return a workspace on these servers, whose pictures Label Studio finds in its own folder."""
    here = topology.servers["worker"].environment
    files = Path(here["GOLDLOOP_LABEL_STUDIO_FILES"])
    endpoints = Endpoints(
        LabelStudioEndpoint(
            topology.url("label-studio"), here["GOLDLOOP_LABEL_STUDIO_TOKEN"], files_root=str(files)
        ),
        PrefectEndpoint(topology.url("prefect"), here["GOLDLOOP_PREFECT_AUTH"]),
        MlflowEndpoint(topology.url("mlflow")),
    )
    root = Path(here["GOLDLOOP_WORKSPACE"])
    selection = {"budget_per_round": BUDGET, "audit_rate": 0.3}
    loop = Loop.create(root, endpoints, labels=DIGITS, selection=selection)
    files.mkdir(parents=True)
    (root / "images").mkdir(exist_ok=True)
    (files / "images").symlink_to(root / "images")
    return loop


def prefect(topology: Topology, *words: str) -> str:
    """Run a command of Prefect's as the worker's container would."""
    environment = {**os.environ, **topology.servers["worker"].environment}
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        env=environment,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def stored(topology: Topology, bucket: str) -> list[str]:
    """Return the names of the objects in a bucket of the store."""
    import boto3

    names = topology.servers["objects"].environment
    store = boto3.client(
        "s3",
        endpoint_url=topology.url("objects"),
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    return [one["Key"] for one in store.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_the_loop_runs_on_the_servers_of_the_compose_file(
    topology: Topology, loop: Loop, tmp_path: Path
) -> None:
    """Two pushes race, Label Studio and PostgreSQL are killed between steps, and a worker closes the round.

    Each task is made once, each answer counts once, and the model's files lie in the object store.
    """
    pictures = some_digits(tmp_path / "digits", N_FILES)
    said = said_by_truth(pictures)
    server = loop.servers.label_studio
    loop.run("up")
    loop.run("score", str(tmp_path / "digits"))

    both = [finish(one) for one in [loop.start("push", "--json") for _ in range(2)]]
    assert [one.code for one in both] == [0, 0], [one.err for one in both]
    assert len(loop.queue().all_tasks()) == BUDGET
    assert loop.doubled() == []

    with httpx.Client(base_url=server.url, headers={"Authorization": f"Token {server.token}"}) as client:
        task = client.get(f"/api/tasks/{min(loop.queue().all_tasks())}/").raise_for_status().json()
        picture = client.get(task["data"]["image"]).raise_for_status()
    assert picture.content.startswith(b"\x89PNG")

    given = answer_all(server, loop.queue(), said.__getitem__)
    topology.kill("label-studio")
    topology.kill("postgres")
    topology.start("postgres")
    topology.start("label-studio")
    pulled = loop.json("pull")
    assert pulled["n_new"] == len(given) == BUDGET

    topology.start("worker")
    prefect(topology, "deploy", "--all")
    prefect(topology, "deployment", "run", "round/weekly", "--watch")
    status: dict[str, Any] = loop.json("status")
    assert status["champion"] == "1"
    assert status["gold"]["n_records"] == sum(label is not None for label in given.values())
    assert any("model" in name for name in stored(topology, "mlflow"))
