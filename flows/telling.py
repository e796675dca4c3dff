"""What every flow tells: its steps to the log, and events of the loop to Prefect and the receivers."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from prefect import runtime
from prefect.events import emit_event

from goldloop.core.errors import TasksLostError
from goldloop.core.loop_events import LoopEvent, ReceiverError, Standing
from goldloop.core.structured_log import log
from goldloop.loop.events import find_events, lost_tasks
from goldloop.loop.notify import TRIED_FOR, Delivery, tell
from goldloop.wiring import Wiring


@dataclass(frozen=True, slots=True)
class PrefectEvents:
    """Prefect's stream of events, for automations. Satisfies `goldloop.core.loop_events.Receiver`.

    Prefect's client sends them in the background and does not say whether they arrived.
    """

    workspace: str
    workspace_id: str
    name: str = "Prefect"

    def send(self, event: LoopEvent) -> None:
        """Emit the event `goldloop.NAME` about the workspace."""
        resource = {
            "prefect.resource.id": f"goldloop.workspace.{self.workspace_id}",
            "prefect.resource.name": self.workspace,
        }
        payload = {"title": event.title, "lines": list(event.lines), "key": event.key}
        try:
            emit_event(f"goldloop.{event.name}", resource, occurred=event.at, payload=payload)
        except Exception as error:
            raise ReceiverError(f"Prefect: {error}") from error


@dataclass(slots=True)
class Looked:
    """What a flow has looked at beyond the tables: whether tasks are lost, and which annotators fall."""

    standing: list[Standing] = field(default_factory=list)


@contextmanager
def telling(wiring: Wiring, flow: str, *, pulls: bool = False) -> Iterator[Looked]:
    """Log the beginning and the end of `flow`, and tell the events that it brought, also when it fails.

    With `pulls` it compares answers with the server: that none is lost is then known where it succeeds.
    """
    looked, started = Looked(), time.monotonic()
    where = {"flow": flow, "run": runtime.flow_run.name, "workspace": wiring.settings.name}
    log(logging.INFO, "flow.started", **where)
    try:
        yield looked
    except Exception as error:
        lost = [lost_tasks(str(error))] if isinstance(error, TasksLostError) else []
        # a command prints the error by itself
        level = logging.ERROR if runtime.deployment.id else logging.INFO
        log(
            level,
            "flow.failed",
            f"{flow} failed: {error}",
            **where,
            error=type(error).__name__,
            duration_s=round(time.monotonic() - started, 3),
        )
        tell_events(wiring, [*looked.standing, *lost])
        raise
    log(logging.INFO, "flow.completed", **where, duration_s=round(time.monotonic() - started, 3))
    tell_events(wiring, [*looked.standing, *([lost_tasks(None)] if pulls else [])])


def tell_events(wiring: Wiring, standing: list[Standing]) -> None:
    """Tell what the tables and `standing` say; whatever goes wrong is logged, and never fails the flow."""
    try:
        for done in _told(wiring, standing):
            fields = {"name": done.event.name, "title": done.event.title, "receiver": done.receiver}
            if done.problem is None:
                log(logging.INFO, "notification.sent", **fields)
            else:
                said = f"not told: {done.event.title} ({done.problem}); the next run tries again"
                log(logging.WARNING, "notification.failed", said, **fields, problem=done.problem)
    except Exception as error:  # the loop goes on whatever happens to its notifications
        log(logging.WARNING, "notification.failed", f"no event was told: {error}", error=type(error).__name__)


def _told(wiring: Wiring, standing: list[Standing]) -> list[Delivery]:
    settings, now = wiring.settings, wiring.ports.clock()
    prefect = PrefectEvents(settings.name, wiring.workspace.id)
    return tell(
        wiring.workspace.notifications,
        find_events(wiring.tables, since=now - TRIED_FOR),
        standing,
        [prefect, *wiring.receivers()],
        wanted=settings.notifications.events,
        now=now,
    )
