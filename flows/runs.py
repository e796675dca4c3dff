"""What every flow run does first: name its process and open its workspace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prefect import runtime, tags
from prefect.client.orchestration import get_client

from goldloop.core.structured_log import set_up_log
from goldloop.services import endpoints
from goldloop.services.credentials import known_secrets
from goldloop.services.logs import rotate
from goldloop.services.prefect_runs import crash_dead_runs, run_tags
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring, open_workspace


@contextmanager
def as_run_of(workspace: Workspace) -> Iterator[None]:
    """Give the flow runs of a command their tags, after the runs of killed commands became Crashed."""
    crash_dead_runs(endpoints(workspace).prefect, workspace.id)
    with tags(*run_tags(workspace.id)):
        yield


def opened(workspace: str) -> Wiring:
    """Return the workspace; the flow run carries its tags, also if a deployment made it.

    `goldloop serve` runs for months, so every run also keeps the logs of the servers short.
    """
    wiring = open_workspace(workspace)
    set_up_log(known_secrets(wiring.workspace, os.environ))
    rotate(wiring.workspace.logs)
    run_id, wanted = runtime.flow_run.id, run_tags(wiring.workspace.id)
    if run_id and not set(wanted) <= set(runtime.flow_run.tags):
        with get_client(sync_client=True) as client:
            client.update_flow_run(run_id, tags=[*runtime.flow_run.tags, *wanted])
    return wiring
