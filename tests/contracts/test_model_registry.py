"""The model registry and the runs: the same behaviour on the fake and on a real MLflow server."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from goldloop.adapters.memory.registry import MemoryRegistry
from goldloop.core.codec import to_plain
from goldloop.core.errors import (
    GoldloopError,
    ModelError,
    ServiceAuthError,
    ServiceError,
    ServiceUnreachableError,
)
from goldloop.core.labels import LabelSet
from goldloop.services import Endpoints
from goldloop.stats.comparison import Comparison
from goldloop.stats.metrics import Estimate
from goldloop.training.gate import Gate
from goldloop.training.ports import ModelRegistry
from goldloop.training.promotion import decide, evaluate
from goldloop.training.run_record import GoldSource, TrainingRecord, TrainingStart, metrics_of

EXAMPLE = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3)
START = TrainingStart(
    name="round 3",
    params={"preset": "tiny", "epochs": 12, "note": None},
    gold=GoldSource(uri="/somewhere/tables/gold", version=17, digest="ab" * 32),
    tags={"goldloop.round": "3"},
)


def graph() -> Any:
    """Return a torch module from a uint8 batch to probs over three labels."""
    import torch

    class Mean(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.head = torch.nn.Linear(3, 3)

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return torch.softmax(self.head(batch.float().mean(dim=(1, 2)) / 255), dim=1)

    return Mean().eval()


def record(version: str) -> TrainingRecord:
    """Return what a retrain of two labels leaves, with one label named awkwardly."""
    probs = np.tile([[0.9, 0.1]], (40, 1))
    judged = evaluate(
        probs,
        np.repeat(np.arange(2), [36, 4]),
        labels=LabelSet.of(["c++/c", "Käse"]),
        model_version=version,
        split="holdout",
        gold_version=17,
        gold_digest="ab" * 32,
    )
    decision = decide(
        Gate(0.2, 30),
        champion=judged,
        challenger=judged,
        comparison=Comparison(Estimate(0.0, -0.1, 0.1, 40), {}),
    )
    return TrainingRecord(
        evaluations={"challenger": judged, "baseline": judged},
        decision=decision,
        history={"train/loss": (1.5, 0.5, 0.25)},
        artifacts={"plots/confusion.svg": b"<svg/>", "plots/confusion.png": b"\x89PNG"},
    )


@pytest.fixture(scope="module")
def mlflow_url(services: Endpoints) -> str:
    """Return the address of the real MLflow server."""
    return services.mlflow.url


@pytest.fixture(scope="module")
def run_id(mlflow_url: str) -> str:
    """Return an open run on the real server."""
    from goldloop.adapters.mlflow_runs import MlflowRuns

    return MlflowRuns(mlflow_url, "pets").begin(START)


@pytest.fixture(params=["fake", pytest.param("mlflow", marks=pytest.mark.servers)])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    """Return an empty registry, fake or real."""
    if request.param == "fake":
        return MemoryRegistry(tmp_path / "fake")
    from goldloop.adapters.mlflow_registry import MlflowRegistry

    return MlflowRegistry(
        request.getfixturevalue("mlflow_url"), f"pets-{time.time_ns()}", cache=tmp_path / "cache"
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return a folder as a trained model is saved in."""
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "card.json").write_text('{"labels": ["a", "b", "c"]}')
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 64)
    return folder


@pytest.fixture
def register(
    registry: ModelRegistry, saved: Path, request: pytest.FixtureRequest
) -> Callable[[dict[str, str]], str]:
    """Return a function that registers the saved folder under tags and returns the version."""
    is_real = not isinstance(registry, MemoryRegistry)
    run = request.getfixturevalue("run_id") if is_real else "run-1"

    def registered(tags: dict[str, str]) -> str:
        return registry.register(saved, graph=graph(), example=EXAMPLE, mlflow_run_id=run, tags=tags)

    return registered


def test_versions_count_up_and_come_back_byte_for_byte(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str], saved: Path
) -> None:
    """A version is a string, holds every file of the folder, its tags and the run that made it."""
    versions = [register({"gold_version": "17"}), register({"gold_version": "18"})]

    assert versions == ["1", "2"]
    first = registry.load("1")
    assert (first.version, first.tags["gold_version"]) == ("1", "17")
    assert first.mlflow_run_id
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == {
        path.name: path.read_bytes() for path in saved.iterdir()
    }
    assert registry.load("1") == first


def test_a_model_without_a_graph_is_its_files(
    registry: ModelRegistry, saved: Path, request: pytest.FixtureRequest
) -> None:
    """A text model has nothing to export; its files come back byte for byte, and nothing is pickled."""
    is_real = not isinstance(registry, MemoryRegistry)
    run = request.getfixturevalue("run_id") if is_real else "run-1"

    version = registry.register(saved, mlflow_run_id=run, tags={"kind": "text"})
    registry.set_alias("champion", version)

    loaded = registry.load(version)
    assert loaded.tags["kind"] == "text"
    assert {path.name: path.read_bytes() for path in loaded.folder.iterdir()} == {
        path.name: path.read_bytes() for path in saved.iterdir()
    }


def test_an_alias_is_none_until_set_and_then_moves(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str]
) -> None:
    """Before the first model there is no champion, which is no error; rolling back is moving the alias."""
    assert registry.version_at("champion") is None
    first = register({})
    assert registry.version_at("champion") is None

    registry.set_alias("champion", first)
    registry.set_alias("baseline", first)
    second = register({})
    registry.set_alias("champion", second)

    assert (registry.version_at("champion"), registry.version_at("baseline")) == (second, first)
    registry.set_alias("champion", first)
    assert registry.version_at("champion") == first


@pytest.mark.parametrize("missing", ["9", "latest"])
def test_a_version_that_does_not_exist_is_named(
    registry: ModelRegistry, register: Callable[[dict[str, str]], str], missing: str
) -> None:
    """Neither loading nor an alias makes something of a version that nobody registered."""
    register({})

    with pytest.raises(ModelError, match=f"There is no version {missing} of model"):
        registry.load(missing)
    with pytest.raises(ModelError, match=f"There is no version {missing} of model"):
        registry.set_alias("champion", missing)
    assert registry.version_at("champion") is None


def test_what_cannot_be_loaded_again_is_not_registered(
    registry: ModelRegistry, saved: Path, tmp_path: Path
) -> None:
    """A folder without files, or an example that would freeze the batch size, is refused beforehand."""
    empty = tmp_path / "empty"
    empty.mkdir()

    with pytest.raises(ModelError, match=r"holds no files\. Save the model there first"):
        registry.register(empty, graph=graph(), example=EXAMPLE, mlflow_run_id="r", tags={})
    with pytest.raises(ModelError, match="The example holds 1 samples"):
        registry.register(saved, graph=graph(), example=EXAMPLE[:1], mlflow_run_id="r", tags={})


@pytest.mark.servers
def test_what_others_serve_takes_any_batch_size_and_is_no_pickle(
    mlflow_url: str, run_id: str, saved: Path, tmp_path: Path
) -> None:
    """The stored program gives the module's probs for one sample and for five, with pickle forbidden."""
    import mlflow
    import torch

    from goldloop.adapters.mlflow_connection import mlflow_at
    from goldloop.adapters.mlflow_registry import MlflowRegistry

    module = graph()
    registry = MlflowRegistry(mlflow_url, "served", cache=tmp_path / "cache")
    version = registry.register(saved, graph=module, example=EXAMPLE, mlflow_run_id=run_id, tags={})

    with mlflow_at(mlflow_url, doing="a test"):
        program = mlflow.pytorch.load_model(f"models:/served/{version}")
        files = Path(mlflow.artifacts.download_artifacts(f"models:/served/{version}", dst_path=str(tmp_path)))
    assert not [path for path in files.rglob("*") if path.suffix in (".pkl", ".pickle", ".pth")]
    for batch in (torch.tensor(EXAMPLE[:1]), torch.tensor(EXAMPLE).repeat(3, 1, 1, 1)[:5]):
        assert torch.allclose(program(batch), module(batch))


@pytest.mark.servers
def test_a_run_holds_parameters_data_version_figures_and_decision(
    mlflow_url: str, saved: Path, tmp_path: Path
) -> None:
    """Everything a later reader needs stands in the run: nothing but the files is needed to understand it."""
    from mlflow import MlflowClient

    from goldloop.adapters.mlflow_registry import MlflowRegistry
    from goldloop.adapters.mlflow_runs import MlflowRuns

    runs = MlflowRuns(mlflow_url, "whole")
    mlflow_run_id = runs.begin(START)
    client = MlflowClient(mlflow_url)
    assert client.get_run(mlflow_run_id).info.status == "RUNNING"
    registry = MlflowRegistry(mlflow_url, "whole", cache=tmp_path / "cache")
    version = registry.register(saved, graph=graph(), example=EXAMPLE, mlflow_run_id=mlflow_run_id, tags={})
    told = record(version)

    runs.record(mlflow_run_id, told)

    run = client.get_run(mlflow_run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "round 3")
    assert run.data.params == {
        "preset": "tiny",
        "epochs": "12",
        "note": "None",
        "gold_version": "17",
        "gold_digest": "ab" * 32,
    }
    assert run.data.tags["goldloop.round"] == "3"
    assert run.data.tags["goldloop.promoted"] == "true"
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("gold", "ab" * 16)
    source = json.loads(data.dataset.source)
    assert (source["path"], source["delta_table_version"]) == ("/somewhere/tables/gold", 17)
    assert run.data.metrics == pytest.approx(metrics_of(told) | {"train/loss": 0.25})
    assert [one.value for one in client.get_metric_history(mlflow_run_id, "train/loss")] == [1.5, 0.5, 0.25]
    (output,) = run.outputs.model_outputs
    of_model = {metric.key: metric.value for metric in client.get_logged_model(output.model_id).metrics}
    assert of_model["holdout/accuracy"] == pytest.approx(0.9)
    assert {file.path for file in client.list_artifacts(mlflow_run_id, "plots")} == {
        "plots/confusion.svg",
        "plots/confusion.png",
    }
    files = Path(client.download_artifacts(mlflow_run_id, "decision.json", str(tmp_path)))
    assert json.loads(files.read_text()) == to_plain(told.decision)
    assert urllib.request.urlopen(runs.address(mlflow_run_id).split("/#")[0], timeout=30).status == 200


@pytest.mark.servers
def test_a_retrain_that_came_to_nothing_leaves_a_failed_run_with_its_reason(mlflow_url: str) -> None:
    """The run list shows what went wrong, not a run that seems to go on for ever."""
    from mlflow import MlflowClient

    from goldloop.adapters.mlflow_runs import MlflowRuns

    runs = MlflowRuns(mlflow_url, "failing")
    mlflow_run_id = runs.begin(START)
    runs.fail(mlflow_run_id, "gold holds one label only")

    run = MlflowClient(mlflow_url).get_run(mlflow_run_id)
    assert (run.info.status, run.data.tags["mlflow.note.content"]) == ("FAILED", "gold holds one label only")


@pytest.mark.servers
def test_an_artifact_cannot_leave_its_run(mlflow_url: str, run_id: str) -> None:
    """A path that climbs out of the folder is refused before anything is written."""
    from goldloop.adapters.mlflow_runs import MlflowRuns

    told = record("1")
    outside = TrainingRecord(told.evaluations, told.decision, artifacts={"../evil": b""})

    with pytest.raises(ModelError, match=r"Artifact path '\.\./evil' is not a relative path inside the run"):
        MlflowRuns(mlflow_url, "pets").record(run_id, outside)


@pytest.fixture
def gatekeeper() -> Iterator[Callable[[int], str]]:
    """Return a function that starts a server answering everything with one status code."""
    servers = []

    def start(code: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.send_response(code)
                self.end_headers()
                self.wfile.write(b"no")

            do_GET = do_POST = answer  # noqa: N815 (names the standard library calls)

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_stopped_server_is_reported_with_the_next_step(tmp_path: Path) -> None:
    """Every call says that MLflow does not answer, where, while doing what, and how to start it."""
    from goldloop.adapters.mlflow_registry import MlflowRegistry
    from goldloop.adapters.mlflow_runs import MlflowRuns

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    registry, runs = MlflowRegistry(url, "pets", cache=tmp_path), MlflowRuns(url, "pets")

    for call in (
        lambda: registry.version_at("champion"),
        lambda: registry.load("1"),
        lambda: runs.begin(START),
    ):
        with pytest.raises(
            ServiceUnreachableError, match=rf"MLflow at {url} does not answer while .*Run `goldloop up`"
        ):
            call()


def test_a_server_that_refuses_or_fails_is_reported_as_such(
    gatekeeper: Callable[[int], str], tmp_path: Path
) -> None:
    """401 and 403 speak of credentials and host names, other answers of the server's log."""
    from goldloop.adapters.mlflow_registry import MlflowRegistry

    for code, error, message in [
        (401, ServiceAuthError, "Set MLFLOW_TRACKING_USERNAME"),
        (403, ServiceAuthError, "--allowed-hosts"),
        (404, ServiceError, "See its log"),
        (503, ServiceUnreachableError, "does not answer"),
    ]:
        with pytest.raises(error, match=message):
            MlflowRegistry(gatekeeper(code), "pets", cache=tmp_path).version_at("champion")


def test_every_exception_of_mlflow_becomes_one_of_ours() -> None:
    """No foreign exception type reaches a flow, however MLflow grows."""
    import mlflow.exceptions
    import requests

    from goldloop.adapters.mlflow_connection import mlflow_at

    foreign: list[type[Exception]] = [
        kind
        for module in (mlflow.exceptions, requests.exceptions)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == module.__name__
        if not issubclass(kind, Warning)
    ]
    assert len(foreign) > 20
    for kind in foreign:
        error = kind.__new__(kind)
        Exception.__init__(error, "boom")
        error.__dict__.setdefault("error_code", "INTERNAL_ERROR")
        error.__dict__.setdefault("response", None)
        with (
            pytest.raises(GoldloopError, match="while a test"),
            mlflow_at("http://127.0.0.1:1", doing="a test"),
        ):
            raise error


def test_the_environment_is_as_before_after_a_call() -> None:
    """MLflow is set up through variables; a child process must not inherit them from us."""
    from goldloop.adapters.mlflow_connection import mlflow_at

    before = dict(os.environ)
    with mlflow_at("http://127.0.0.1:1", doing="a test"):
        assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"

    assert dict(os.environ) == before


def test_metric_names_carry_intervals_and_survive_awkward_labels() -> None:
    """Bounds are figures of their own; signs MLflow refuses are replaced, and no two labels coincide."""
    told = record("4")
    names = metrics_of(told)

    assert {
        "holdout/accuracy",
        "holdout/accuracy_low",
        "holdout/accuracy_high",
        "holdout/n",
        "holdout/ece",
        "holdout/ece_high",
    } <= set(names)
    assert {"holdout/difference", "holdout/difference_low", "baseline/holdout/accuracy"} <= set(names)
    assert names["holdout/recall/c___c"] == 1.0
    assert "holdout/precision/Käse" not in names  # nothing was called so
    twins = evaluate(
        np.eye(3),
        np.arange(3),
        labels=LabelSet.of(["a/b", "a?b", "."]),
        model_version="1",
        split="holdout",
        gold_version=1,
        gold_digest="d",
    )
    names = metrics_of(TrainingRecord({"challenger": twins}, told.decision))
    assert {"holdout/n/00_a_b", "holdout/n/01_a_b", "holdout/n/02_."} <= set(names)
