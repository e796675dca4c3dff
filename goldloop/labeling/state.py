"""The state of labeling: one snapshot of the tables, and the outcome of each sample."""

from __future__ import annotations

from dataclasses import dataclass

from goldloop.consensus.evidence import answers_of
from goldloop.consensus.outcomes import Outcomes, find_outcomes
from goldloop.core.ports import Tables
from goldloop.settings import Settings
from goldloop.tables.snapshot import Snapshot, read_snapshot


@dataclass(frozen=True, slots=True)
class LoopState:
    """A snapshot of the tables and the outcome of every sample that annotators were asked about."""

    snapshot: Snapshot
    outcomes: Outcomes


def read_state(tables: Tables, settings: Settings, earlier: LoopState | None = None) -> LoopState:
    """Return the state of labeling now, from one read of each table.

    It uses the fit of an `earlier` state when no vote has changed since.
    """
    snapshot = read_snapshot(tables)
    answers = answers_of(snapshot.tasks, snapshot.annotations, snapshot.closed_at, settings.label_set)
    outcomes = find_outcomes(
        snapshot.tasks,
        answers,
        snapshot.requests.n_wanted,
        settings,
        earlier=earlier.outcomes if earlier else None,
    )
    return LoopState(snapshot, outcomes)
