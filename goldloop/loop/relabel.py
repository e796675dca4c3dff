"""Relabel: find gold labels in doubt, and send them to annotators for a blind second look."""

from __future__ import annotations

import tempfile
from pathlib import Path

from goldloop.labeling.relabel import Relabel, plan_relabel, relabels_of, search
from goldloop.loop.follow_up import follow_up
from goldloop.loop.ports import LoopPorts
from goldloop.tables.gold_store import GoldStore
from goldloop.tables.label_errors import read_label_issues, save_label_issues
from goldloop.tables.snapshot import read_snapshot


def find_label_errors(ports: LoopPorts) -> int:
    """Search the newest gold for labels in doubt and keep the list; return how many there are.

    Raises:
        EmptyPoolError: there is too little gold to train on.
    """
    with (
        ports.alone("retrain"),
        tempfile.TemporaryDirectory(prefix="goldloop-label-errors-") as scratch,
        ports.progress.share_done("cross-validating") as advance,
    ):
        version, issues = search(
            gold=GoldStore(ports.tables.gold).read(),
            trainer=ports.open_trainer(),
            store=ports.modality.store,
            labels=ports.settings.label_set,
            seed=ports.settings.selection.seed,
            scratch=Path(scratch),
            advance=advance,
        )
    save_label_issues(ports.tables.label_errors, version, issues, at=ports.clock())
    return len(issues)


def send_label_errors(ports: LoopPorts, n: int) -> int:
    """Send the `n` most doubtful samples that were not sent yet to annotators; return how many there were."""
    context = ports.labeling()
    state = context.read_state()
    n_planned = plan_relabel(context, state, read_label_issues(ports.tables.label_errors), n=n)
    follow_up(ports, context, context.fresh(state))
    return n_planned


def read_relabels(ports: LoopPorts) -> list[Relabel]:
    """Return the present list of label issues with what became of each, most doubtful first."""
    return relabels_of(read_label_issues(ports.tables.label_errors), read_snapshot(ports.tables))
