"""Loop events: what an operator wants to know without looking, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class EventName(StrEnum):
    """The names of loop events; Prefect knows them with `goldloop.` before."""

    MODEL_REFUSED = "model.refused"
    MODEL_PROMOTED = "model.promoted"
    DRIFT_FOUND = "drift.found"
    POLICY_SUSPENDED = "policy.suspended"
    TASKS_LOST = "tasks.lost"
    ANNOTATOR_FALLING = "annotator.falling"


@dataclass(frozen=True, slots=True)
class LoopEvent:
    """Something that happened once; `key` tells it apart from all others of the workspace.

    `title` is one line, `lines` are sentences with the reasons and the next step. Neither holds a text of a
    sample or the name of an annotator.
    """

    name: EventName
    key: str
    at: datetime
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What was looked at now and stands as long as it is found: annotators who fall, tasks that are lost.

    `present` are title and lines by whom or what it is true of. It becomes one event when it begins.
    """

    name: EventName
    present: Mapping[str, tuple[str, tuple[str, ...]]]


class ReceiverError(Exception):
    """A receiver did not take a notification; the message names it and says why, without any secret."""


class Receiver(Protocol):
    """Takes notifications; `name` is what the record of what was sent calls it."""

    @property
    def name(self) -> str:
        """Name of the receiver."""
        ...

    def send(self, event: LoopEvent) -> None:
        """Send the event.

        Raises:
            ReceiverError: it was not taken.
        """
        ...
