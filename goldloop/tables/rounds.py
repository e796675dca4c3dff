"""Rounds: the record that each weekly pass leaves."""

from __future__ import annotations

from datetime import datetime

from goldloop.core.table_ports import Changes, Table, Tables
from goldloop.tables import codec
from goldloop.training.promotion import RoundRecord


def save_round(rounds: Table, record: RoundRecord) -> None:
    """Put the record in the rounds table, in place of an earlier one of the same round."""
    rounds.merge_next(lambda _: Changes(codec.rows_of([record])), key="round")


def read_rounds(rounds: Table) -> list[RoundRecord]:
    """Return all closed rounds, oldest first."""
    return codec.values_of(RoundRecord, rounds.read().sort_by("round"))


def closing_times(rounds: Table) -> list[datetime]:
    """Return when each round was closed, oldest first; the round after them is open."""
    return sorted(rounds.read(["closed_at"])["closed_at"].to_pylist())


def current_round(tables: Tables) -> int:
    """Return the number of the open round: 0 before the first retrain, then the last closed one plus one."""
    closed = tables.rounds.read(["round"])["round"].to_pylist()
    return max(closed, default=-1) + 1
