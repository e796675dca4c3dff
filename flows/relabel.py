"""suspects: look for wrong labels in gold, and send them to people for a blind second look."""

from __future__ import annotations

import tempfile
from pathlib import Path

from prefect import flow, task

from flows.publish import publish_suspects
from goldloop.cli.progress import share_done
from goldloop.core.clock import now
from goldloop.labeling.relabel import SecondLook, plan_rechecks, read_second_looks, save_suspects, search
from goldloop.loop.follow_up import follow_up
from goldloop.wiring import Parts, connect


def find_suspects_in_gold(parts: Parts) -> int:
    """Search the newest gold for labels in doubt and keep the list; return how many there are."""
    settings = parts.workspace.settings
    with (
        parts.alone("retrain"),
        tempfile.TemporaryDirectory(prefix="goldloop-suspects-") as scratch,
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
    save_suspects(parts.tables, version, found, at=now())
    return len(found)


def send_suspects(parts: Parts, n: int) -> int:
    """Send the `n` most suspect samples that were not sent yet to people; return how many there were."""
    n_planned = plan_rechecks(
        tables=parts.tables,
        ledger=parts.ledger,
        gold=parts.gold,
        dossiers={one.dossier.sample_id: one.dossier for one in parts.read_verdicts().verdicts},
        n=n,
        clock=now,
    )
    follow_up(parts, parts.queue())
    return n_planned


@task(name="cross-validate gold")
def find_suspects_task(workspace: str) -> int:
    """Prefect task around `find_suspects_in_gold`."""
    return find_suspects_in_gold(connect(workspace))


@task(name="send suspects to people")
def send_suspects_task(workspace: str, n: int) -> int:
    """Prefect task around `send_suspects`."""
    return send_suspects(connect(workspace), n)


@flow(name="suspects", validate_parameters=False)
def suspects(workspace: str, *, is_searching: bool = True, n_send: int = 0) -> list[SecondLook]:
    """Search gold for labels in doubt, send the first `n_send` to people, and return the present list."""
    if is_searching:
        find_suspects_task(workspace)
    if n_send:
        send_suspects_task(workspace, n_send)
    parts = connect(workspace)
    looks = read_second_looks(parts.tables, parts.ledger, parts.gold)
    publish_suspects(workspace, looks)
    return looks
