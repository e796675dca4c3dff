"""pull: what people answered, and the gold version that follows."""

from __future__ import annotations

from prefect import flow, task

from flows.publish import publish_pull
from flows.push import agree_with_server
from flows.wiring import Parts, connect
from goldloop.gold import GoldRecord
from goldloop.pulling import PullReport, gold_records, pull_annotations, retract_tasks


def pull_answers(parts: Parts) -> PullReport:
    """Merge what changed on the server, then commit the gold that follows if it differs."""
    settings, queue = parts.workspace.settings, parts.queue()
    agree_with_server(parts, queue)
    gone = [one.key for one in parts.ledger.statuses().values() if not one.is_live]
    n_retracted = retract_tasks(gone, parts.tables.annotations)
    report = pull_annotations(queue, parts.tables.annotations, parts.ledger)
    report.n_retracted += n_retracted

    def make_records() -> list[GoldRecord]:
        return gold_records(
            parts.tables.annotations,
            parts.ledger,
            overlap=settings.selection.overlap,
            label_names=settings.labels,
            report=report,
        )

    version = parts.gold.commit(make_records, reason="pull")
    if version is not None:
        report.gold_version = version.version
        report.n_gold_changes = version.n_added + version.n_changed + version.n_removed
    return report


@task(name="pull answers and make gold")
def pull_answers_task(workspace: str) -> PullReport:
    """Prefect task around `pull_answers`."""
    return pull_answers(connect(workspace))


@flow(name="pull", validate_parameters=False)
def pull(workspace: str) -> PullReport:
    """Pull what people answered since the last pull into a new gold version."""
    report = pull_answers_task(workspace)
    publish_pull(workspace, report)
    return report
