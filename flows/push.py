"""push: the round's choice of samples into Label Studio, each exactly once."""

from __future__ import annotations

from prefect import flow

from flows.publish import publish_push
from flows.steps import as_task
from goldloop.labeling.push import PushReport
from goldloop.loop.push import push as push_round
from goldloop.wiring import open_workspace


@flow(name="push", validate_parameters=False)
def push(workspace: str) -> PushReport:
    """Choose this round's samples and push them into Label Studio."""
    ports = open_workspace(workspace).ports
    report = as_task("push the round's tasks", lambda: push_round(ports))
    publish_push(workspace, report)
    return report
