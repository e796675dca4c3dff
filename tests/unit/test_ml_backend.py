"""The ML backend's replies, asked over HTTP as Label Studio 1.23 asks."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from goldloop.adapters.label_studio.ml_backend import NOTHING_SHOWN, USER, MlBackend, MlBackendServer
from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.core.errors import GoldloopError, ServiceError
from goldloop.core.labels import LabelSet
from goldloop.core.tasks import Purpose, task_key
from goldloop.settings.metrics import MetricsAddress
from labelstudio_config.interface import interface
from tests.live_tasks import LiveTasks, sample

LABELS = LabelSet.of(["cat", "dog"])
KEYS = TaskKeys(b"of a workspace")
PASSWORD = "between two programs"
HERE = MetricsAddress("127.0.0.1", 0)


@pytest.fixture
def tasks() -> LiveTasks:
    """A champion that has planned a shown review of sample 1 and an audit of sample 2."""
    made = LiveTasks()
    made.score("1", {1: "cat", 2: "cat"}, confidence=0.58)
    made.plan("1", [1])
    made.plan("1", [2], purpose=Purpose.AUDIT, is_shown=False)
    made.crown("1")
    return made


@pytest.fixture
def server(tasks: LiveTasks) -> Iterator[MlBackendServer]:
    """The running backend of that workspace."""
    live = tasks.live
    made = MlBackendServer(
        HERE, MlBackend(live.suggest, live.version, LABELS, "image", KEYS), password=PASSWORD
    )
    yield made
    made.close()


def asked(
    server: MlBackendServer, path: str, body: Any = None, *, password: str = PASSWORD
) -> httpx.Response:
    """Send a request, a POST if there is a body."""
    address = f"http://127.0.0.1:{server.port}{path}"
    method = "GET" if body is None else "POST"
    with httpx.Client(auth=(USER, password), trust_env=False) as http:
        return http.request(method, address, json=body)


def task(number: int, purpose: Purpose, **data: Any) -> dict[str, Any]:
    """Return a task as Label Studio sends it."""
    key = KEYS.sealed(task_key(sample(number), purpose))
    return {"id": number, "data": {"key": key, **data}, "annotations": [], "predictions": []}


def test_only_the_connected_server_is_answered(server: MlBackendServer) -> None:
    """Without its password nothing is told, not even that there is a model."""
    for path in ("/health", "/versions"):
        assert asked(server, path, password="guessed").status_code == 401
    assert asked(server, "/predict", {"tasks": []}, password="").status_code == 401
    assert asked(server, "/health").json() == {"status": "UP", "model_class": "goldloop"}


def test_setup_tells_the_model_and_refuses_other_labels(server: MlBackendServer) -> None:
    """The interface of the project has to offer every label."""
    good, other = interface(LABELS), interface(LabelSet.of(["cat", "owl"]))

    assert asked(server, "/setup", {"schema": good}).json() == {"model_version": "1"}
    refused = asked(server, "/setup", {"schema": other})
    assert refused.status_code == 400
    assert "lacks the labels ['dog']" in refused.json()["error"]


def test_predict_answers_each_task_in_order_and_blind_ones_with_nothing(server: MlBackendServer) -> None:
    """Whoever puts a suggestion into the data of an audit learns nothing by it."""
    sent = [task(2, Purpose.AUDIT, suggested="cat"), task(1, Purpose.REVIEW), {"id": 9, "data": {"key": 3}}]

    blind, suggested, foreign = asked(server, "/predict", {"tasks": sent}).json()["results"]

    assert blind == foreign == []
    (prediction,) = suggested
    (region,) = prediction["result"]
    assert (prediction["score"], prediction["model_version"]) == (0.58, "1")
    assert (region["from_name"], region["to_name"], region["type"]) == ("label", "image", "choices")
    assert region["value"] == {"choices": ["cat"]}


def test_answers_and_training_are_ignored(server: MlBackendServer, tasks: LiveTasks) -> None:
    """goldloop pulls answers itself; a webhook that somebody left must not fail."""
    before = tasks.tables.annotations.version()
    for path in ("/webhook", "/train"):
        assert asked(server, path, {"action": "ANNOTATION_CREATED"}).json() == {"status": "ignored"}
    assert tasks.tables.annotations.version() == before


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/predict", {"tasks": 3}, 400), ("/setup", [], 400), ("/predict", {}, 400), ("/x", {}, 404)],
)
def test_other_requests_are_refused(server: MlBackendServer, path: str, body: Any, status: int) -> None:
    """The reply says what was wrong."""
    reply = asked(server, path, body)

    assert reply.status_code == status
    assert path in reply.json()["error"]


def test_what_is_no_json_and_what_is_too_long(server: MlBackendServer) -> None:
    """Both are refused before anything is looked up."""
    with httpx.Client(auth=(USER, PASSWORD), trust_env=False) as http:
        address = f"http://127.0.0.1:{server.port}/predict"
        assert http.post(address, content=b"{").status_code == 400
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with closing(HTTPConnection("127.0.0.1", server.port)) as bare:
        bare.request(
            "POST", "/predict", headers={"Authorization": f"Basic {login}", "Content-Length": str(1 << 40)}
        )
        assert bare.getresponse().status == 413


def test_a_failure_of_the_workspace_is_a_reply() -> None:
    """Label Studio logs the sentence and shows the task without a suggestion."""

    def broken(_: object) -> Any:
        raise GoldloopError("a table is gone; restore it")

    what = MlBackend(broken, lambda: None, LABELS, "image", KEYS)

    status, reply = what.answer("/predict", {"tasks": [task(1, Purpose.REVIEW)]})
    assert (status, reply["error"]) == (503, "a table is gone; restore it")
    assert what.answer("/setup", {"schema": interface(LABELS)})[1] == {"model_version": NOTHING_SHOWN}


def test_a_port_that_is_taken(server: MlBackendServer) -> None:
    """The error names the address and the option."""
    what = MlBackend(lambda _: {}, lambda: None, LABELS, "image", KEYS)
    with pytest.raises(ServiceError, match=rf"127\.0\.0\.1:{server.port} .*--suggestions"):
        MlBackendServer(MetricsAddress("127.0.0.1", server.port), what, password=PASSWORD)
