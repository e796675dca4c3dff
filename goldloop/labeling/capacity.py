"""Capacity: how many reviews annotators have time for today, and the samples whose time for one is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from goldloop.core.candidates import Candidates
from goldloop.core.lanes import Lane
from goldloop.core.table_ports import Tables
from goldloop.core.tasks import Purpose
from goldloop.routing.cost_policy import Cost
from goldloop.routing.policies import asked_for
from goldloop.settings import Settings
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.snapshot import Snapshot

DAY = timedelta(days=1)


def reviews_left(tables: Tables, settings: Settings, snapshot: Snapshot, now: datetime) -> dict[Purpose, int]:
    """Return how many further tasks of a purpose the minutes of `capacity` pay for in the day before `now`.

    A purpose without a limit is missing. A review takes as long as the policy in force has measured, or as
    long as [cost] says.
    """
    limits = {Purpose.REVIEW: settings.capacity.quick_minutes, Purpose.FULL: settings.capacity.full_minutes}
    limited = {purpose: limit for purpose, limit in limits.items() if limit is not None}
    if not limited:
        return {}
    minutes = review_minutes(tables, settings)
    given = [task.purpose for task in snapshot.live.values() if task.plan.planned_at > now - DAY]
    return {
        purpose: max(0, int(limit / minutes[purpose]) - given.count(purpose))
        for purpose, limit in limited.items()
    }


def with_overdue(pool: Candidates, settings: Settings, now: datetime) -> Candidates:
    """Return the candidates of `pool`, those marked whose time for a review is over at `now`."""
    hours = settings.capacity.due_hours
    if hours is None:
        return pool
    latest = np.datetime64((now - timedelta(hours=hours)).astimezone(UTC).replace(tzinfo=None))
    is_late = pool.arrived_at < latest  # False where the arrival is not known
    return pool.marked("is_overdue", is_late & pool.in_lanes(Lane.REVIEW, Lane.FULL))


def review_minutes(tables: Tables, settings: Settings) -> Mapping[Purpose, float]:
    """Return the minutes of a review by the purpose of its task."""
    cost, entries = settings.cost, PolicyLog(tables.policies).entries()
    usual = {Purpose.REVIEW: cost.quick_s / 60, Purpose.FULL: cost.full_s / 60}
    policy = asked_for(entries[-1].policy) if entries else None
    if not isinstance(policy, Cost):
        return usual
    measured = {Purpose.REVIEW: policy.quick.minutes, Purpose.FULL: policy.full.minutes}
    return {purpose: measured[purpose] or minutes for purpose, minutes in usual.items()}
