"""Flow runs in Prefect whose command was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from goldloop.services.prefect_runs import workspace_tag
from tests.e2e.commands import Loop, finish, until
from tests.e2e.interrupted import Interruption
from tests.e2e.prefect_api import PrefectApi

pytestmark = pytest.mark.servers


@pytest.fixture
def loop(make_loop: Callable[..., Loop]) -> Loop:
    """Return a workspace on the servers of the test run."""
    return make_loop("killed-runs", labels=["cat", "dog"])


@pytest.fixture
def held(loop: Loop, tmp_path: Path) -> Iterator[Popen[str]]:
    """Yield a retrain that waits in the middle of its work."""
    place = tmp_path / "inside"
    place.mkdir()
    holding = Interruption("goldloop.tables.gold_store:GoldStore.newest", deed="meet", place=str(place))
    holder = loop.start("retrain", plan=holding)
    until(lambda: any(place.iterdir()), holder)
    yield holder
    if holder.poll() is None:
        os.killpg(holder.pid, signal.SIGKILL)
        finish(holder)


def states(prefect: PrefectApi, loop: Loop, what: str = "flow_runs") -> list[str]:
    """Return the states of the workspace's runs, as Prefect's page shows them."""
    wanted: dict[str, Any] = {"tags": {"all_": [workspace_tag(loop.parts.workspace.id)]}}
    return [str(run["state"]["type"]) for run in prefect.post(f"/{what}/filter", flow_runs=wanted)]


def kill(process: Popen[str]) -> None:
    """End a command as a crash of the machine does."""
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)


@pytest.mark.parametrize("command", ["up", "pull"])
def test_the_run_of_a_killed_command_does_not_stay_running(
    prefect: PrefectApi, loop: Loop, held: Popen[str], command: str
) -> None:
    """A run at work stays Running; once its process is gone, `up` or the next command says Crashed."""
    loop.run("up")
    assert states(prefect, loop) == ["RUNNING"]

    kill(held)
    loop.run(command)

    assert "RUNNING" not in states(prefect, loop)
    assert "CRASHED" in states(prefect, loop)
    assert not {"RUNNING", "PENDING"} & {*states(prefect, loop, "task_runs")}
