"""What the labeling steps work with: tables, the labelling server, the content store and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from goldloop.core.modality import MAX_FINGERPRINT_DISTANCE
from goldloop.core.ports import ContentStore, LabelingQueue, Tables
from goldloop.labeling.state import LoopState, read_state
from goldloop.settings import Settings
from goldloop.tables.task_log import TaskLog

IMPORT_SIZE = 500  # tasks an import; more gains nothing and holds the server's write lock longer
LEASE_S = 30.0  # an import of IMPORT_SIZE tasks takes about 1 s

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class LabelingContext:
    """What the labeling steps work with.

    `owner` names this process in claims, which run out after `lease_s` seconds of silence; `advance` is told
    how many tasks were pushed. Near-duplicates differ in at most `max_distance` bits of their fingerprints.
    """

    tables: Tables
    settings: Settings
    queue: LabelingQueue
    store: ContentStore
    owner: str
    clock: Callable[[], datetime]
    max_distance: int = MAX_FINGERPRINT_DISTANCE
    sleep: Callable[[float], None] = time.sleep
    advance: Callable[[int], None] = lambda _: None
    import_size: int = IMPORT_SIZE
    lease_s: float = LEASE_S

    @property
    def task_log(self) -> TaskLog:
        """What was planned and what happened to it."""
        return TaskLog(self.tables)

    def read_state(self, earlier: LoopState | None = None) -> LoopState:
        """Return the state of labeling now."""
        return read_state(self.tables, self.settings, earlier)

    def retrying(self, state: LoopState, make: Callable[[LoopState], Result]) -> Callable[[], Result]:
        """Return a function that calls `make` with `state` first, and with a state read anew ever after.

        A commit calls it again when another writer was first.
        """

        def states() -> Iterator[LoopState]:
            current = state
            while True:
                yield current
                current = self.read_state(current)

        moments = states()
        return lambda: make(next(moments))
