"""Steps as Prefect tasks: a scheduled run waits for a server that is away, a user is told at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from flows.environment import prefect_environment
from goldloop.services import Endpoints
from goldloop.settings.workspace import Workspace

pytestmark = pytest.mark.servers

PROGRAM = """
import json, sys
from prefect import flow
from flows import steps
from goldloop.core import errors

steps.BACKOFF_S = 0.05
failures = json.loads(sys.argv[1])
n_calls = 0

def step():
    global n_calls
    n_calls += 1
    if n_calls <= len(failures):
        raise getattr(errors, failures[n_calls - 1])("the server is away")
    return "done"

@flow(name="retried")
def run():
    return steps.as_task("a step", step)

try:
    result = run()
except errors.GoldloopError as error:
    result = type(error).__name__
print(json.dumps([n_calls, result]))
"""


def run_with(workspace: Workspace, failures: list[str], *, deployment: str = "") -> tuple[int, str]:
    """Return how often a step was called that fails as `failures` say, and what came of it."""
    environment = {**os.environ, **prefect_environment(workspace)}
    if deployment:
        environment["PREFECT__RUNTIME__DEPLOYMENT__ID"] = deployment
    command = [sys.executable, "-c", PROGRAM, json.dumps(failures)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    n_calls, result = json.loads(ended.stdout.splitlines()[-1])
    return n_calls, result


def test_a_scheduled_step_is_tried_again_while_a_server_does_not_answer(
    services: Endpoints, services_workspace: Workspace
) -> None:
    """Two failures that pass by themselves, then success; a refusal of our credentials is not retried."""
    away = "ServiceUnreachableError"
    assert run_with(services_workspace, [away, away], deployment="weekly") == (3, "done")
    assert run_with(services_workspace, [away] * 9, deployment="weekly") == (4, away)
    assert run_with(services_workspace, ["ServiceAuthError"], deployment="weekly") == (1, "ServiceAuthError")


def test_a_user_who_runs_a_command_is_told_at_once(
    services: Endpoints, services_workspace: Workspace
) -> None:
    """Outside a deployment the first failure is the last."""
    assert run_with(services_workspace, ["ServiceUnreachableError"]) == (1, "ServiceUnreachableError")
