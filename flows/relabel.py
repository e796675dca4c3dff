"""label-errors: look for wrong labels in gold, and send them to people for a blind second look."""

from __future__ import annotations

import tempfile
from pathlib import Path

from prefect import flow, task

from flows.publish import publish_label_issues
from goldloop.cli.progress import share_done
from goldloop.core.clock import now
from goldloop.labeling.relabel import Relabel, plan_relabel, read_relabels, save_label_issues, search
from goldloop.loop.follow_up import follow_up
from goldloop.wiring import Wiring, connect


def find_suspects_in_gold(parts: Wiring) -> int:
    """Search the newest gold for labels in doubt and keep the list; return how many there are."""
    settings = parts.workspace.settings
    with (
        parts.alone("retrain"),
        tempfile.TemporaryDirectory(prefix="goldloop-label-errors-") as scratch,
        share_done("cross-validating") as advance,
    ):
        version, found = search(
            gold=parts.gold,
            trainer=parts.trainer,
            store=parts.store,
            labels=settings.label_set,
            seed=settings.selection.seed,
            scratch=Path(scratch),
            advance=advance,
        )
    save_label_issues(parts.tables, version, found, at=now())
    return len(found)


def send_suspects(parts: Wiring, n: int) -> int:
    """Send the `n` most issue samples that were not sent yet to people; return how many there were."""
    n_planned = plan_relabel(
        tables=parts.tables,
        task_log=parts.task_log,
        gold=parts.gold,
        evidence_of={one.evidence.sample_id: one.evidence for one in parts.read_outcomes().samples},
        n=n,
        clock=now,
    )
    follow_up(parts, parts.queue())
    return n_planned


@task(name="cross-validate gold")
def find_suspects_task(workspace: str) -> int:
    """Prefect task around `find_suspects_in_gold`."""
    return find_suspects_in_gold(connect(workspace))


@task(name="send label issues to annotators")
def send_suspects_task(workspace: str, n: int) -> int:
    """Prefect task around `send_suspects`."""
    return send_suspects(connect(workspace), n)


@flow(name="label-errors", validate_parameters=False)
def label_errors(workspace: str, *, is_searching: bool = True, n_send: int = 0) -> list[Relabel]:
    """Search gold for labels in doubt, send the first `n_send` to people, and return the present list."""
    if is_searching:
        find_suspects_task(workspace)
    if n_send:
        send_suspects_task(workspace, n_send)
    parts = connect(workspace)
    looks = read_relabels(parts.tables, parts.task_log, parts.gold)
    publish_label_issues(workspace, looks)
    return looks
