"""pull: what people answered, and the gold version that follows."""

from __future__ import annotations

from prefect import flow, task

from flows.follow_up import follow_up
from flows.publish import publish_pull
from flows.push import agree_with_server
from flows.wiring import Parts, connect
from goldloop.asking.steps import Step
from goldloop.asking.verdicts import gold_records, n_by_step, reason_of, second_looked
from goldloop.gold import GoldRecord
from goldloop.pulling import PullReport, pull_annotations, retract_tasks
from goldloop.samples import SampleId


def pull_answers(parts: Parts, *, accept_lost: bool = False) -> PullReport:
    """Merge what changed on the server, commit the gold that follows, and ask on where it is not sure."""
    queue = parts.queue()
    agree_with_server(parts, queue, accept_lost=accept_lost)
    gone = [one.key for one in parts.ledger.statuses().values() if not one.is_live]
    n_retracted = retract_tasks(gone, parts.tables.annotations)
    report = pull_annotations(queue, parts.tables.annotations, parts.ledger)
    report.n_retracted += n_retracted

    looked_at: set[SampleId] = set()

    def make_records() -> list[GoldRecord]:
        verdicts = parts.read_verdicts().verdicts
        looked_at.update(second_looked(verdicts))
        steps = n_by_step(verdicts)
        report.n_waiting, report.n_unsure = steps.get(Step.WAIT, 0), steps.get(Step.ASK, 0)
        report.n_disputed = steps.get(Step.ADJUDICATE, 0)
        return gold_records(verdicts)

    version = parts.gold.commit(make_records, reason=lambda changes: reason_of(changes, looked_at))
    if version is not None:
        report.gold_version = version.version
        report.n_gold_changes = version.n_added + version.n_changed + version.n_removed
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
