"""House-keeping of the tables: merged files, a short log, and the gold versions that something names."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from datetime import datetime, timedelta

from goldloop.core.compaction import Compaction
from goldloop.core.errors import BusyError, TableConflictError
from goldloop.loop.ports import LoopPorts
from goldloop.tables.named_versions import named_versions

WORK = "compaction or backup"
"""Name of the lock: a backup copies files that a compaction would remove."""

EVERY = timedelta(days=1)
"""How often pulls compact: else the log of two weeks waits for the round, and each command reads it."""


def compact(ports: LoopPorts, *, is_dry_run: bool = False) -> list[Compaction]:
    """Compact every table and return what changed; with `is_dry_run`, what would change.

    Other commands may run: a file or a version is removed only when it was replaced more than
    `housekeeping.keep_days` ago.

    Raises:
        BusyError: another process compacts this workspace or backs it up.
        StorageError: the disk refused a write; nothing is lost, and the next call goes on.
    """
    with nullcontext() if is_dry_run else ports.alone(WORK):
        at = ports.clock()
        before = at - timedelta(days=ports.settings.housekeeping.keep_days)
        named = named_versions(ports.tables)
        tables = ports.tables.named.values()
        done = [table.compact(named, before=before, at=at, is_dry_run=is_dry_run) for table in tables]
        if not is_dry_run:
            ports.compacted.save(at.isoformat())
        return done


def compact_unless_busy(ports: LoopPorts) -> list[Compaction]:
    """Compact every table and return what changed; nothing while another process holds the lock."""
    try:
        return compact(ports)
    except BusyError:
        return []


def compact_daily(ports: LoopPorts) -> None:
    """Compact every table unless that was done within a day, or other processes are in the way.

    The day begins anew where the moment of the last time is not known.

    Raises:
        StorageError: the disk refused a write; nothing is lost, and the next call goes on.
    """
    at = ports.clock()
    try:
        last = datetime.fromisoformat(ports.compacted.read() or "")
    except ValueError:
        ports.compacted.save(at.isoformat())
        return
    if not last <= at < last + EVERY:
        with suppress(TableConflictError):
            compact_unless_busy(ports)
