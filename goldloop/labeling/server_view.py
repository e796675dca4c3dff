"""The server view: what the labelling server told a pull, for a later one to compare."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from goldloop.core.annotations import ServerCounts, TaskState


@dataclass(frozen=True, slots=True)
class ServerView:
    """Numbers of tasks and answers, and by id the digest of each task that had changed `since` a moment."""

    counts: ServerCounts
    since: datetime | None
    tasks: Mapping[int, str]


def state_digest(state: TaskState) -> str:
    """Return a digest of everything that the server says of a task and its annotations."""
    return hashlib.sha256(repr(state).encode("utf-8", "backslashreplace")).hexdigest()
