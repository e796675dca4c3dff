"""pull: what people answered, and the gold version that follows."""

from __future__ import annotations

from prefect import flow, task

from flows.publish import publish_pull
from flows.push import agree_with_server
from goldloop.labeling.pull import PullReport, derive_gold, pull_annotations, retract_tasks
from goldloop.loop.follow_up import follow_up
from goldloop.wiring import Wiring, connect


def pull_answers(parts: Wiring, *, accept_lost: bool = False) -> PullReport:
    """Merge what changed on the server, commit the gold that follows, and ask on where it is not sure."""
    queue = parts.queue()
    agree_with_server(parts, queue, accept_lost=accept_lost)
    gone = [one.key for one in parts.task_log.statuses().values() if not one.is_live]
    n_retracted = retract_tasks(gone, parts.tables.annotations)
    report = pull_annotations(queue, parts.tables.annotations, parts.task_log)
    report.n_retracted += n_retracted
    derive_gold(parts.gold, parts.read_outcomes, report)
    report.follow_ups = follow_up(parts, queue)
    return report


@task(name="pull answers and make gold")
def pull_answers_task(workspace: str, *, accept_lost: bool = False) -> PullReport:
    """Prefect task around `pull_answers`."""
    return pull_answers(connect(workspace), accept_lost=accept_lost)


@flow(name="pull", validate_parameters=False)
def pull(workspace: str, *, accept_lost: bool = False) -> PullReport:
    """Pull what people answered since the last pull into a new gold version."""
    report = pull_answers_task(workspace, accept_lost=accept_lost)
    publish_pull(workspace, report)
    return report
