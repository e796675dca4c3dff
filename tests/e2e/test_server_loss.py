"""Label Studio hangs or dies in mid-push and mid-pull: a clear error, and a clean resume once it is back."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.core.planned_tasks import Event
from goldloop.services import Endpoints, down, up
from goldloop.services.processes import ProcessMark, members
from goldloop.services.state import load_state
from goldloop.settings import ALONE
from goldloop.settings.workspace import Workspace
from goldloop.tables.task_log import TaskLog
from tests.e2e.commands import Loop
from tests.e2e.interrupted import Interruption
from tests.e2e.people import answer_all
from tests.images import write_good

pytestmark = pytest.mark.servers

N_TASKS = 60
TIMEOUT_S = 8  # in earnest a minute, in which this test would only wait
SMALL = Interruption(
    constants={
        "goldloop.labeling.context:IMPORT_SIZE": 15,
        "goldloop.labeling.context:LEASE_S": 6.0,
        "goldloop.adapters.label_studio.client:TIMEOUT_S": TIMEOUT_S,
        "goldloop.adapters.label_studio.changes:CHANGED_TASKS": 15,
    },
)
AT_AN_IMPORT = replace(SMALL, point="httpx:HTTPTransport.handle_request", path="/import")
AT_A_PAGE = replace(SMALL, point="goldloop.adapters.label_studio.queue:changed_page")


@pytest.fixture
def loop(services: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    """Yield a workspace with a Label Studio of its own; the other two servers are those of the test run."""
    monkeypatch.setenv("GOLDLOOP_PREFECT_AUTH", services.prefect.auth or "")
    workspace = Workspace.create(
        tmp_path / "server-loss",
        labels=["cat", "dog"],
        selection={"budget_per_round": N_TASKS},
        **ALONE,
        services={"prefect_url": services.prefect.url, "mlflow_url": services.mlflow.url},
    )
    try:
        yield Loop(workspace.root, up(workspace, say=print))
    finally:
        down(workspace, say=print)


def pids(loop: Loop) -> tuple[int, ...]:
    """Return the processes of the workspace's Label Studio."""
    process = load_state(loop.parts.workspace)["label_studio"].process
    return tuple(member.pid for member in members(process or ProcessMark("none")))


def failed(loop: Loop, command: str, plan: Interruption) -> str:
    """Return what a command says that ends with the error it is expected to end with."""
    ended = loop.run(command, plan=plan, code=1)
    assert ended.out == ""
    assert "Traceback" not in ended.err
    errors = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.err
    return errors[0]


def test_label_studio_may_go_away_in_the_middle_and_come_back(loop: Loop, tmp_path: Path) -> None:
    """The error names the address and the next step, exit code 1; afterwards nothing is doubled or lost."""
    address = re.escape(loop.servers.label_studio.url)
    loop.score_without_model(write_good(tmp_path / "pictures", 100)[0].parent)

    hung = failed(loop, "push", replace(AT_AN_IMPORT, call=2, deed="stop", pids=pids(loop)))
    for pid in pids(loop):
        os.kill(pid, signal.SIGCONT)  # and now it does what it was asked to, with nobody to hear of it

    assert re.search(
        rf"{address} did not answer within {TIMEOUT_S} s when asked to import .* run this again", hung
    )

    died = failed(loop, "push", replace(AT_AN_IMPORT, moment="sent", deed="kill", pids=pids(loop)))

    assert re.search(
        rf"{address} does not answer when asked to import .*'goldloop up'.* run this again", died
    )
    assert {one.event for one in TaskLog(loop.parts.tables).statuses().values()} >= {
        Event.PUSHED,
        Event.CLAIMED,
    }

    gone = failed(loop, "push", SMALL)

    assert re.search(r"Label Studio of the workspace .* is not running; run `goldloop up`", gone)

    loop.run("up")
    loop.run("push")

    statuses = TaskLog(loop.parts.tables).statuses()
    assert loop.doubled() == []
    assert {one.task_id: key for key, one in statuses.items()} == loop.queue().all_tasks()
    assert len(statuses) == N_TASKS

    given = answer_all(
        loop.servers.label_studio, loop.queue(), lambda sample_id: "cat" if sample_id < "8" else "dog"
    )
    assert len(given) == N_TASKS

    lost = failed(loop, "pull", replace(AT_A_PAGE, call=8, deed="kill", pids=pids(loop)))

    assert re.search(rf"{address} does not answer when asked to list what changed .*'goldloop up'", lost)
    assert loop.parts.gold.newest().version == 0, "half a pull made gold"
    assert 0 < len(loop.parts.tables.annotations.read()) < N_TASKS

    loop.run("up")
    loop.run("pull")

    assert len(loop.parts.tables.annotations.read()) == N_TASKS
    assert {one.sample_id: one.label for one in loop.parts.gold.records()} == {
        key.split(":")[0]: label for key, label in given.items()
    }
