"""The loop on the servers of docker-compose.yml: PostgreSQL, an object store, nginx, and a Prefect worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from goldloop.core.loopback import client_options
from goldloop.services.prefect_runs import prefect_client
from scripts.topology.description import PUBLIC
from scripts.topology.processes import Topology, running
from tests.chromium import chromium
from tests.e2e.commands import Loop, finish, until
from tests.e2e.desk import logged_in
from tests.e2e.interrupted import Interruption
from tests.e2e.people import answer_all, said_by_truth, some_digits
from tests.e2e.production import endpoints, enter, key_pin, need_programs, pids, prefect, stored, workspace
from tests.images import write_good

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(1500),
]  # Label Studio makes its schema, twice it starts

DIGITS = [str(digit) for digit in range(10)]
SMALL_IMPORTS = Interruption(
    constants={"goldloop.labeling.context:IMPORT_SIZE": 10, "goldloop.labeling.context:LEASE_S": 2.0}
)


@pytest.fixture(scope="module")
def servers() -> Iterator[Topology]:
    """Yield the running servers, one set for all tests here; a test may kill them, and starts them again."""
    need_programs()
    with running(without=("worker", "metrics")) as topology:
        yield topology


@pytest.fixture
def topology(servers: Topology, monkeypatch: pytest.MonkeyPatch) -> Topology:
    """Return the running servers; commands of this test have the environment of their worker."""
    enter(servers, monkeypatch)
    return servers


def test_pushes_of_two_machines_end_well_whatever_is_killed(topology: Topology, tmp_path: Path) -> None:
    """A push without the object store makes no task; one that loses nginx goes on from where it was.

    Then two machines push at once: each task is made once, and its picture is in the store before it.
    """
    write_good(tmp_path / "pictures", 60)
    loop = workspace(topology, tmp_path / "race", labels=["cat", "dog"], selection={"budget_per_round": 40})
    loop.score_without_model(tmp_path / "pictures")

    topology.kill("objects")
    refused = loop.run("push", plan=SMALL_IMPORTS, code=1)
    assert "content.base" in refused.err
    assert loop.queue().all_tasks() == {}
    topology.start("objects")

    plan = replace(
        SMALL_IMPORTS, point="goldloop.adapters.label_studio.queue:LabelStudioQueue.push", call=2, deed="kill"
    )
    lost = loop.run("push", plan=replace(plan, pids=pids(topology, "proxy")), code=1)
    assert "does not answer" in lost.err
    topology.processes.pop("proxy").wait(30)
    topology.start("proxy")
    assert 0 < len(loop.queue().all_tasks()) < 40

    meeting = tmp_path / "meeting"
    meeting.mkdir()
    plan = replace(
        SMALL_IMPORTS, point="goldloop.tables.task_log:TaskLog.claim", deed="meet", place=str(meeting)
    )
    machines = [
        loop.start("push", "--json", plan=plan, home=tmp_path / name) for name in ("machine-1", "machine-2")
    ]
    both = [finish(machine) for machine in machines]
    assert [one.code for one in both] == [0, 0], [one.err for one in both]
    assert len(list(meeting.iterdir())) == 2, "the two never met"
    assert len(loop.queue().all_tasks()) == 40
    assert loop.doubled() == []
    assert len(set(stored(topology, "content"))) == 40


def test_a_round_ends_well_whatever_is_killed(topology: Topology, tmp_path: Path) -> None:
    """Label Studio, PostgreSQL, Prefect, MLflow and the worker are each killed once between push and model.

    Each answer counts once, one model becomes champion in one round, and its files lie in the object store.
    """
    pictures = some_digits(tmp_path / "digits", 150)
    said = said_by_truth(pictures)
    root = Path(topology.servers["worker"].environment["GOLDLOOP_WORKSPACE"])
    selection = {"budget_per_round": 60, "audit_rate": 0.4}
    model = {"preset": "tiny", "epochs": 3}  # how good it is is no matter here
    loop = workspace(topology, root, labels=DIGITS, selection=selection, model=model)
    loop.score_without_model(tmp_path / "digits")
    loop.run("push")
    given = answer_all(loop.servers.label_studio, loop.queue(), said.__getitem__)
    assert len(given) == 60

    for name in ("label-studio", "postgres"):
        topology.kill(name)
    topology.start_together(["postgres", "label-studio"])
    fetch = Interruption(
        point="goldloop.adapters.label_studio.queue:LabelStudioQueue.changed_since", deed="kill"
    )
    pull = loop.start("pull", "--json", plan=replace(fetch, pids=pids(topology, "prefect")))
    topology.processes.pop("prefect").wait(300)
    topology.start("prefect")  # while the command waits for it
    assert finish(pull).json["n_new"] == len(given)

    topology.start("worker")
    prefect(topology, "deploy", "--all")
    pause_pulls(topology)
    prefect(topology, "deployment", "run", "round/weekly")
    until(lambda: trainings(loop), topology.processes["worker"])
    topology.kill("worker")
    close = Interruption(point="goldloop.loop.retrain:_close_round", deed="kill")
    lost = loop.run("round", plan=replace(close, pids=pids(topology, "mlflow")), code=1)
    assert "MLflow" in lost.err
    topology.processes.pop("mlflow").wait(30)
    topology.start_together(["mlflow", "worker"])
    prefect(topology, "deployment", "run", "round/weekly", "--watch")
    topology.kill("worker")

    status: dict[str, Any] = loop.json("status")
    n_gold = sum(label is not None for label in given.values())
    assert (status["champion"], status["gold"]["n_records"]) == ("1", n_gold)
    assert [one["outcome"] for one in loop.parts.tables.rounds.read().to_pylist()] == ["promoted"]
    assert any("model" in name for name in stored(topology, "mlflow"))
    assert loop.doubled() == []
    assert events(topology, "goldloop.model.promoted") == 1  # it came by a websocket
    topology.start("metrics")
    until(lambda: servers_up(topology) == 3, topology.processes["metrics"])
    topology.kill("metrics")


def servers_up(topology: Topology) -> int:
    """Return how many servers answer, as Prometheus is told."""
    token = topology.servers["metrics"].environment["GOLDLOOP_METRICS_TOKEN"]
    address = f"{topology.url('metrics')}/metrics"
    reply = httpx.get(address, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    lines = reply.raise_for_status().text.splitlines()
    return sum(line.startswith("goldloop_server_up{") and float(line.split()[-1]) == 1 for line in lines)


def pause_pulls(topology: Topology) -> None:
    """Let no scheduled pull begin, whatever the minute: this test tells when to pull."""
    with prefect_client(endpoints(topology).prefect) as client:
        for one in client.post("/deployments/filter", json={}).raise_for_status().json():
            if one["entrypoint"].endswith(":pull"):
                client.post(f"/deployments/{one['id']}/pause_deployment").raise_for_status()


def events(topology: Topology, name: str) -> int:
    """Return how many events of this name Prefect has."""
    with prefect_client(endpoints(topology).prefect) as client:
        wanted = {"filter": {"event": {"name": [name]}}}
        return int(client.post("/events/filter", json=wanted).raise_for_status().json()["total"])


def trainings(loop: Loop) -> list[Any]:
    """Return the runs of the workspace's experiment in MLflow."""
    import mlflow

    client = mlflow.MlflowClient(loop.servers.mlflow.url)
    experiments = client.search_experiments(filter_string=f"name = 'goldloop {loop.handle}'")
    return list(client.search_runs([one.experiment_id for one in experiments])) if experiments else []


def test_nginx_lets_large_files_through_and_nobody_without_a_login(topology: Topology) -> None:
    """A model of 20 MB reaches the store by MLflow and an import of 5 MB Label Studio; strangers get 401."""
    here = topology.servers["worker"].environment
    urls = {name: topology.public_url(name) for name in PUBLIC}
    trusted = {name: client_options(url) for name, url in urls.items()}
    login = ("goldloop", here["MLFLOW_TRACKING_PASSWORD"])
    large, path = bytes(20_000_000), "/api/2.0/mlflow-artifacts/artifacts/9/large.bin"

    with httpx.Client(base_url=urls["mlflow"], timeout=120, **trusted["mlflow"]) as mlflow:
        assert mlflow.put(path, content=large).status_code == 401
        mlflow.put(path, content=large, auth=login).raise_for_status()
        assert len(mlflow.get(path, auth=login).raise_for_status().content) == len(large)
    assert any(name.endswith("9/large.bin") for name in stored(topology, "mlflow"))
    with httpx.Client(base_url=urls["labels"], timeout=120, **trusted["labels"]) as labels:
        assert labels.get("/api/projects/").status_code == 401
        token = {"Authorization": f"Token {here['GOLDLOOP_LABEL_STUDIO_TOKEN']}"}
        project = (
            labels.post("/api/projects/", json={"title": "large"}, headers=token).raise_for_status().json()
        )
        tasks = [{"data": {"text": "x" * 100_000}} for _ in range(50)]
        done = labels.post(f"/api/projects/{project['id']}/import", json=tasks, headers=token)
        assert done.raise_for_status().json()["task_count"] == len(tasks)
    with httpx.Client(base_url=urls["prefect"], timeout=30, **trusted["prefect"]) as server:
        assert server.get("/api/admin/version").status_code == 401
        assert f"{urls['prefect']}/api" in server.get("/ui-settings").text
        assert server.get("/").headers["content-type"].startswith("text/html")


@pytest.mark.browser
def test_an_annotator_sees_the_picture_by_a_link_of_the_moment(
    topology: Topology, tmp_path: Path, pinned_browser: Any
) -> None:
    """A browser logs in through nginx and shows the picture from the store, by a link made for this look.

    The link is in no task; nobody else's request gets one; it ends after the minutes of the settings.
    """
    folder = tmp_path / "pictures"
    write_good(folder, 4)
    content = {"base": "s3://content/looks", "link_minutes": 3}
    loop = workspace(topology, tmp_path / "looks", labels=["cat", "dog"], content=content)
    loop.score_without_model(folder)
    loop.run("push")
    parts = loop.parts
    queue = parts.queue()

    desk = logged_in(
        loop.servers.label_studio, pinned_browser, tmp_path, queue=queue, email="ina@looks.example"
    )
    desk.open()
    shown = desk.picture()
    assert min(shown["width"], shown["height"]) > 0
    desk.shoot("from-the-store")
    resources = "return performance.getEntriesByType('resource').map(one => one.name)"
    looks = [name for name in pinned_browser.execute_script(resources) if "/resolve/" in name]
    assert looks, "the page has asked for no link"

    address = urlsplit(looks[0])
    server = loop.servers.label_studio
    with httpx.Client(base_url=server.url, **client_options(server.url)) as anybody:
        assert anybody.get(f"{address.path}?{address.query}").status_code in (401, 403)
        signed = {"Authorization": f"Token {server.token}"}
        link = anybody.get(f"{address.path}?{address.query}", headers=signed)
        task = anybody.get(f"/api/tasks/{desk.shown_task()}/?resolve_uri=false", headers=signed).json()
    assert link.headers["location"].startswith(f"{topology.public_url('objects')}/content/looks/")
    assert "X-Amz-Expires=180" in link.headers["location"]
    assert "X-Amz" not in str(task["data"])


@pytest.fixture
def pinned_browser(topology: Topology, tmp_path: Path) -> Iterator[Any]:
    """Yield a Chromium that trusts the topology's certificate and no other of its kind."""
    with chromium(tmp_path, f"--ignore-certificate-errors-spki-list={key_pin(topology)}") as browser:
        yield browser
