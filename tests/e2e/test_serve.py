"""`goldloop serve` seen from outside: metrics of real servers, and a log that a machine reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.page import page_key
from goldloop.services import Endpoints
from scripts.bench.faults.people import LABELS
from tests.e2e.coloured_samples import samples
from tests.e2e.commands import Loop, finish, free_port, until
from tests.e2e.prefect_api import PrefectApi

pytestmark = pytest.mark.servers

LEVELS = {"debug", "info", "warning", "error", "critical"}
TOKEN = "the token of the metrics"


def figures(port: int) -> dict[str, dict[tuple[str, ...], float]]:
    """Return what Prometheus would read; nothing before the endpoint is there."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
    except httpx.HTTPError:
        return {}
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.raise_for_status().text):
        for sample in family.samples:
            found.setdefault(sample.name.removeprefix("goldloop_"), {})[tuple(sample.labels.values())] = (
                sample.value
            )
    return found


def ended(serving: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Interrupt `goldloop serve` and return its log, of which every line is an object."""
    serving.send_signal(signal.SIGINT)
    done = finish(serving)
    assert done.code == 0, done.err
    assert done.out == ""
    return [json.loads(line) for line in done.err.splitlines()]


def test_metrics_and_log_of_a_served_workspace(
    make_loop: Callable[..., Loop], prefect: PrefectApi, tmp_path: Path, services: Endpoints
) -> None:
    """Files, flows and servers are told; one line an event, none with a secret, also when a flow fails."""
    samples("text", tmp_path / "samples", 60)
    loop = make_loop("seen", labels=list(LABELS), kind="text", model={}, metrics={"refresh_s": 1})
    port = free_port()
    serving = loop.start("serve", "--metrics", str(port), "--log-format", "json")
    try:
        until(lambda: figures(port).get("server_up", {}).get(("prefect",)) == 1, serving)
        assert figures(port)["server_up"] == {("label_studio",): 1, ("prefect",): 1, ("mlflow",): 1}
        assert sum(figures(port)["files"].values()) == 0

        loop.run("score", str(tmp_path / "samples"))
        until(lambda: sum(figures(port)["files"].values()) == 61, serving)
        deployments = until(lambda: len(found := prefect.deployments(loop.handle)) == 5 and found, serving)
        prefect.run(deployments["push"]["id"])
        until(lambda: ("push",) in figures(port).get("flow_last_duration_seconds", {}), serving)
        prefect.run(deployments["retrain"]["id"])  # fails: there is no gold
        until(lambda: figures(port)["flow_last_run_success"].get(("retrain",)) == 0, serving)
    finally:
        found = figures(port)
        lines = ended(serving)

    assert found["tasks"]["open",] > 0
    assert found["flow_last_run_success"]["push",] == 1
    assert found["flow_last_success_timestamp_seconds"]["push",] > 0
    assert ("push", "push the round's tasks") in found["step_last_duration_seconds"]
    assert all({"time", "level", "event", "message", "fields"} <= line.keys() for line in lines)
    assert {line["level"] for line in lines} <= LEVELS
    events = {line["event"]: line for line in lines}
    assert events["metrics.served"]["fields"]["address"] == f"http://127.0.0.1:{port}/metrics"
    completed = [line["fields"] for line in lines if line["event"] == "flow.completed"]
    assert [(one["flow"], one["workspace"]) for one in completed] == [("push", "seen")]
    assert completed[0]["duration_s"] > 0
    assert {"schedules.served", "flow.started", "step.completed"} <= events.keys()
    failed = events["flow.failed"]
    assert (failed["level"], failed["fields"]["flow"]) == ("error", "retrain")
    assert failed["fields"]["error"] == "EmptyPoolError"
    text = json.dumps(lines)
    for secret in (services.label_studio.token, (services.prefect.auth or "").partition(":")[2]):
        assert secret not in text


def test_metrics_beside_workers(make_loop: Callable[..., Loop], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without schedules nothing is deployed; an open port without its token is refused by a sentence."""
    loop = make_loop("beside", labels=["cat", "dog"], metrics={"address": str(free_port())})
    port = int(loop.parts.settings.metrics.address)
    serving = loop.start("serve", "--only-metrics")
    try:
        until(lambda: figures(port).get("server_up"), serving)
    finally:
        serving.send_signal(signal.SIGINT)
        assert f"metrics: http://127.0.0.1:{port}/metrics" in finish(serving).err

    refused = loop.run("serve", "--metrics", f"0.0.0.0:{port}", code=1)
    assert "other machines can reach metrics" in refused.err
    assert "Traceback" not in refused.err
    monkeypatch.setenv("GOLDLOOP_METRICS_TOKEN", TOKEN)
    serving = loop.start("serve", "--only-metrics", "--metrics", f"0.0.0.0:{port}", "--log-format", "json")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    try:
        until(lambda: answers(port, bearer) == 200, serving)
        assert answers(port, {}) == 401
    finally:
        serving.send_signal(signal.SIGINT)
        assert TOKEN not in finish(serving).err


def test_the_page_of_a_workspace_beside_workers(make_loop: Callable[..., Loop], tmp_path: Path) -> None:
    """Without schedules only the page is served, to whoever has the link; beyond this machine to nobody."""
    samples("text", tmp_path / "samples", 20)
    loop = make_loop("shown", labels=list(LABELS), kind="text", model={})
    loop.run("score", str(tmp_path / "samples"))
    port = free_port()
    link = f"http://127.0.0.1:{port}/?key={page_key(loop.parts)}"
    serving = loop.start("serve", "--page", str(port), "--only-page")
    try:
        until(lambda: answers(port, {}, "/") == 401, serving)
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=120) as client:
            page = client.get(link)
        assert "Samples 1 to 20 of 20 that fit." in page.text
        assert str(page.url) == f"http://127.0.0.1:{port}/"
    finally:
        serving.send_signal(signal.SIGINT)
        assert f"page: {link}" in finish(serving).err
    refused = loop.run("serve", "--page", f"0.0.0.0:{port}", code=1)
    assert "it is served at 127.0.0.1 only, got 0.0.0.0" in refused.err
    assert "add --page 8090" in loop.run("serve", "--only-page", code=1).err


def answers(port: int, headers: dict[str, str], path: str = "/metrics") -> int:
    """Return the status with which the endpoint answers; 0 before it is there."""
    try:
        address = f"http://127.0.0.1:{port}{path}"
        return httpx.get(address, headers=headers, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def backends(loop: Loop, project_id: int) -> list[tuple[str, str]]:
    """Return address and state of each ML backend of a project; Label Studio asks each of them for it."""
    place = loop.servers.label_studio
    headers = {"Authorization": f"Token {place.token}"}
    with httpx.Client(base_url=place.url, timeout=60, trust_env=False, headers=headers) as http:
        found = http.get("/api/ml/", params={"project": project_id}).raise_for_status()
    return [(one["url"], one["state"]) for one in found.json()]


def suggesting(loop: Loop, port: int) -> subprocess.Popen[str]:
    """Start to serve suggestions at a port, and return the process once Label Studio asks there."""
    project_id = loop.parts.queue().projects.main
    serving = loop.start("serve", "--only-metrics", "--metrics", str(free_port()), "--suggestions", str(port))
    until(lambda: backends(loop, project_id) == [(f"http://127.0.0.1:{port}", "CO")], serving)
    return serving


def test_suggestions_beside_workers(make_loop: Callable[..., Loop]) -> None:
    """Label Studio asks the workspace while it serves, and nobody afterwards; a wrong port is a sentence."""
    loop = make_loop("suggesting", labels=["cat", "dog"])
    serving = suggesting(loop, free_port())
    serving.send_signal(signal.SIGINT)
    assert "Traceback" not in finish(serving).err
    assert backends(loop, loop.parts.queue().projects.main) == []

    assert "suggestions need a port such as 9477" in loop.run("serve", "--suggestions", "none", code=1).err


@pytest.mark.parametrize("command", ["push", "up"])
def test_killed_suggestions_are_disconnected(
    make_loop: Callable[..., Loop], tmp_path: Path, command: str
) -> None:
    """The next command that knows Label Studio says so; suggestions that answer stay connected."""
    samples("text", tmp_path / "samples", 20)
    loop = make_loop(f"killed-{command}", labels=list(LABELS), kind="text", model={})
    loop.run("score", str(tmp_path / "samples"))
    port, project_id = free_port(), loop.parts.queue().projects.main
    address = f"http://127.0.0.1:{port}"
    serving = suggesting(loop, port)
    try:
        assert "did not answer" not in loop.run(command).err
        assert backends(loop, project_id) == [(address, "CO")]
    finally:
        os.killpg(serving.pid, signal.SIGKILL)
        finish(serving)
    assert backends(loop, project_id) == [(address, "DI")]

    said = loop.run(command).err
    assert f"suggestions at {address} did not answer, and Label Studio asks them no more" in said
    assert backends(loop, project_id) == []
    assert "did not answer" not in loop.run(command).err
