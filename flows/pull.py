"""pull: what annotators answered, and the gold version that follows."""

from __future__ import annotations

from prefect import flow

from flows.publish import publish_pull
from flows.steps import as_task
from goldloop.labeling.pull import PullReport
from goldloop.loop.pull import pull as pull_answers
from goldloop.wiring import open_workspace


@flow(name="pull", validate_parameters=False)
def pull(workspace: str, *, accept_lost: bool = False) -> PullReport:
    """Pull what annotators answered since the last pull into a new gold version."""
    ports = open_workspace(workspace).ports
    report = as_task("pull answers and make gold", lambda: pull_answers(ports, accept_lost=accept_lost))
    publish_pull(workspace, report)
    return report
