"""Schedules on a real Prefect server: what is deployed, that it runs, and that two retrains never overlap."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from goldloop.services import Endpoints
from tests.e2e.commands import LONGEST_COMMAND_S, Loop, finish, until
from tests.e2e.interrupted import Interruption
from tests.e2e.prefect_api import PrefectApi

pytestmark = pytest.mark.servers

CHECKOUT = Path(__file__).parents[2]
EVERY_QUARTER, WEEKLY = "*/15 * * * *", "30 7 * * 2"
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def schedules(deployments: dict[str, Any]) -> dict[str, list[tuple[str, str, bool]]]:
    """Return cron, time zone and whether it is active, by flow."""
    return {
        flow: [
            (one["schedule"]["cron"], one["schedule"]["timezone"], one["active"])
            for one in found["schedules"]
        ]
        for flow, found in deployments.items()
    }


def turned_away(deployments: dict[str, Any]) -> set[str]:
    """Return the flows of which a second run is cancelled while one is at work."""
    return {
        flow
        for flow, one in deployments.items()
        if one["concurrency_options"]
        and one["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
        and one["global_concurrency_limit"]["limit"] == 1
    }


def test_serve_deploys_the_schedule_runs_flows_and_leaves_it_active(
    prefect: PrefectApi, make_loop: Callable[..., Loop]
) -> None:
    """Five flows, two by cron in the workspace's time zone; a run asked for in Prefect is carried out."""
    settings = {"cron": WEEKLY, "timezone": "Europe/Berlin"}
    loop = make_loop("served", labels=["cat", "dog"], schedule=settings)
    serving = loop.start("serve")
    try:
        until(lambda: len(prefect.deployments(loop.handle)) == 5, serving)
        push = prefect.run(
            prefect.deployments(loop.handle)["push"]["id"]
        )  # not pull: its own schedule may come
        state = until(
            lambda: (found := prefect.get(f"/flow_runs/{push}")["state"])["type"] in ENDED and found, serving
        )
        assert state["type"] == "COMPLETED", state["message"]
    finally:
        serving.send_signal(signal.SIGINT)
        ended = finish(serving)
    assert (ended.code, ended.err) == (0, "")

    deployed = prefect.deployments(loop.handle)
    assert schedules(deployed) == {
        "score": [], "push": [], "retrain": [],
        "pull": [(EVERY_QUARTER, "Europe/Berlin", True)], "round": [(WEEKLY, "Europe/Berlin", True)],
    }  # fmt: skip
    assert not any(one["paused"] for one in deployed.values())
    assert turned_away(deployed) == {"pull", "retrain", "round"}
    assert {one["parameters"]["workspace"] for one in deployed.values()} == {str(loop.root)}


def test_a_second_run_of_a_deployed_retrain_is_cancelled(
    prefect: PrefectApi, make_loop: Callable[..., Loop]
) -> None:
    """While one retrain is pending or running, Prefect turns the next away; once it is done, one may run."""
    loop = make_loop("one-at-a-time", labels=["cat", "dog"])
    deploy(loop)
    retrain = prefect.deployments(loop.handle)["retrain"]["id"]
    first, second = prefect.run(retrain), prefect.run(retrain)

    def set_state(run: str, state: str) -> Any:
        return prefect.post(f"/flow_runs/{run}/set_state", state={"type": state})["state"]

    assert set_state(first, "PENDING")["type"] == "PENDING"
    refused = set_state(second, "PENDING")
    assert refused["type"] == "CANCELLED"
    assert "concurrency limit" in refused["message"].lower()
    set_state(first, "COMPLETED")
    assert set_state(prefect.run(retrain), "PENDING")["type"] == "PENDING"


def deploy(loop: Loop) -> None:
    """Register the deployments of a workspace as `goldloop serve` does, without serving them."""
    code = (
        "import os, sys; from pathlib import Path; from flows.environment import prefect_environment;"
        "from goldloop.settings.workspace import Workspace; root = Path(sys.argv[1]);"
        "os.environ.update(prefect_environment(Workspace.open(root)));"
        "from flows.routine import deployments; [one.apply() for one in deployments(root)]"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(loop.root)], cwd=loop.root, check=True, timeout=LONGEST_COMMAND_S
    )


def test_prefect_yaml_deploys_the_same_to_a_work_pool(
    services: Endpoints, prefect: PrefectApi, make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """`prefect deploy --all` finds every entrypoint and makes the schedules and limits that `serve` makes."""
    loop = make_loop("production", labels=["cat", "dog"])
    deploy(loop)
    environment = {
        **os.environ,
        "PREFECT_API_URL": services.prefect.api_url,
        "PREFECT_API_AUTH_STRING": services.prefect.auth or "",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "GOLDLOOP_HOME": str(CHECKOUT),
        "GOLDLOOP_WORKSPACE": str(loop.root),
    }
    for command in (
        ["work-pool", "create", "goldloop", "--type", "process", "--overwrite"],
        ["deploy", "--all"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *command],
            env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False, timeout=LONGEST_COMMAND_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    deployed, served = prefect.deployments("weekly"), prefect.deployments(loop.handle)
    assert schedules(deployed) == schedules(served)
    assert turned_away(deployed) == turned_away(served)
    assert {one["work_pool_name"] for one in deployed.values()} == {"goldloop"}
    assert {one["parameters"]["workspace"] for one in deployed.values()} == {str(loop.root)}
    steps = [step for one in deployed.values() for step in one["pull_steps"]]
    assert steps == [{"prefect.deployments.steps.set_working_directory": {"directory": str(CHECKOUT)}}] * 5


def test_a_second_retrain_is_turned_away_until_the_first_ends_or_dies(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """On one machine a lock says who is at work and where; SIGKILL of its holder frees it."""
    loop = make_loop("busy", labels=["cat", "dog"])
    place = tmp_path / "inside"
    place.mkdir()
    holding = Interruption("goldloop.tables.gold_store:GoldStore.newest", deed="meet", place=str(place))
    holder = loop.start("retrain", plan=holding)
    try:
        until(lambda: any(place.iterdir()), holder)
        busy = loop.run("retrain", code=1)
        assert re.search(
            rf"error: Another retrain is running in {re.escape(str(loop.root))}\. Wait", busy.err
        )
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        finish(holder)

    free = loop.run("retrain", code=1)
    assert re.search(r"error: There are 0 train samples of 0 labels at gold version 0", free.err)


def test_a_cron_that_prefect_cannot_run_is_told_by_serve(make_loop: Callable[..., Loop]) -> None:
    """Where goldloop.toml was edited after init: one sentence, and nothing is deployed."""
    loop = make_loop("unserved", labels=["cat", "dog"], schedule={"cron": "0 25 * * 1"})

    refused = loop.run("serve", code=1).err

    assert refused.startswith("error: Prefect cannot run schedule.cron '0 25 * * 1'")
    assert len(refused.splitlines()) == 1
