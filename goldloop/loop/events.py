"""The loop events of the tables: decisions on models, drift, suspended policies."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from goldloop.annotators.profiles import AnnotatorProfile
from goldloop.core.loop_events import EventName, LoopEvent, Standing
from goldloop.core.table_ports import Tables
from goldloop.routing.policies import Suspended
from goldloop.tables.batches import read_seen
from goldloop.tables.policy_log import PolicyLog
from goldloop.tables.rounds import read_rounds
from goldloop.training.promotion import winner


def find_events(tables: Tables, *, since: datetime) -> list[LoopEvent]:
    """Return what the tables tell of since then, in the order of its kinds."""
    return [*_decisions(tables, since), *_drifts(tables, since), *_suspensions(tables, since)]


def _decisions(tables: Tables, since: datetime) -> Iterator[LoopEvent]:
    for record in read_rounds(tables.rounds):
        if record.decision is None or record.closed_at < since:
            continue
        name = EventName.MODEL_PROMOTED if record.is_promoted else EventName.MODEL_REFUSED
        outcome = "promoted" if record.is_promoted else "refused"
        scoring = winner(record.evaluations, record.decision)
        accuracy = [f"model {scoring.model_version} scores now: {scoring.accuracy}"] if scoring else []
        yield LoopEvent(
            name,
            f"{name} {record.round} {record.model_version}",
            record.closed_at,
            f"round {record.round}: model {record.model_version} {outcome}",
            (*record.decision.reasons, *accuracy),
        )


def _drifts(tables: Tables, since: datetime) -> Iterator[LoopEvent]:
    for seen in read_seen(tables.batches, since=since):
        if seen.check.drifts:
            yield LoopEvent(
                EventName.DRIFT_FOUND,
                f"{EventName.DRIFT_FOUND} {seen.model_version} {seen.scored_at.isoformat()}",
                seen.scored_at,
                f"the files of {seen.batch} differ from what model {seen.model_version} saw before",
                tuple(drift.sentence for drift in seen.check.drifts),
            )


def _suspensions(tables: Tables, since: datetime) -> Iterator[LoopEvent]:
    """Yield the moments in which a policy became suspended; a settling that leaves it so is none."""
    was_suspended = False
    for entry in PolicyLog(tables.policies).entries():
        is_suspended = isinstance(entry.policy, Suspended)
        if is_suspended and not was_suspended and entry.settled_at >= since:
            yield LoopEvent(
                EventName.POLICY_SUSPENDED,
                f"{EventName.POLICY_SUSPENDED} {entry.model_version} {entry.settled_at.isoformat()}",
                entry.settled_at,
                f"the policy of model {entry.model_version} is suspended: annotators get what it accepted",
                (*entry.warnings, *entry.reasons),
            )
        was_suspended = is_suspended


def falling_annotators(profiles: Collection[AnnotatorProfile]) -> Standing:
    """Return the annotators who are worse than before by evidence, by their pseudonymous ids."""
    present = {}
    for profile in profiles:
        if profile.is_falling:
            title = f"annotator {profile.annotator} is worse than before"
            lines = (f"change of accuracy in the newest rounds: {profile.drift}", "see `goldloop annotators`")
            present[profile.annotator] = (title, lines)
    return Standing(EventName.ANNOTATOR_FALLING, present)


def lost_tasks(problem: str | None) -> Standing:
    """Return the tasks or answers that vanished from the labelling server and wait for a decision, if any."""
    title = "tasks or answers are gone from the labelling server, and pulls wait for a decision"
    return Standing(EventName.TASKS_LOST, {"": (title, (problem,))} if problem else {})
