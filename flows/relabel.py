"""label-errors: look for wrong labels in gold, and send them to annotators for a blind second look."""

from __future__ import annotations

from prefect import flow

from flows.publish import publish_label_issues
from flows.steps import as_task
from goldloop.loop.relabel import Relabel, find_label_errors, read_relabels, send_label_errors
from goldloop.wiring import open_workspace


@flow(name="label-errors", validate_parameters=False)
def label_errors(workspace: str, *, is_searching: bool = True, n_send: int = 0) -> list[Relabel]:
    """Search gold for labels in doubt, send the first `n_send` to annotators, and return the present list."""
    ports = open_workspace(workspace).ports
    if is_searching:
        as_task("cross-validate gold", lambda: find_label_errors(ports))
    if n_send:
        as_task("send label errors to annotators", lambda: send_label_errors(ports, n_send))
    relabels = read_relabels(ports)
    publish_label_issues(workspace, relabels)
    return relabels
