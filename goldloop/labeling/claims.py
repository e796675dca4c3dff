"""Claims: a push takes planned tasks for its next import, and no other push gets them meanwhile.

A push takes over a claim that has stood unchanged while it waited for `lease_s` seconds: by then the server
has finished any import of the silent owner. It counts the seconds that it has waited itself, because the
times in the claims come from the clocks of other machines.
"""

from __future__ import annotations

from collections.abc import Mapping

from goldloop.core.planned_tasks import Event, TaskStatus
from goldloop.labeling.context import LabelingContext


class Claims:
    """The claims of one push, and how long it has waited for those of others."""

    def __init__(self, context: LabelingContext) -> None:
        self._context = context
        self._waited_s: dict[object, float] = {}
        self._won: set[str] = set()
        self._has_all = False

    def take(self, *, is_idle: bool) -> dict[str, TaskStatus]:
        """Claim the tasks of the next import; return what they were before, by key.

        An idle push claims half an import, so that the server has work while the push prepares more.
        Nothing is left when there are none; an idle push waits while other pushes hold the remaining tasks.
        """
        context = self._context
        while not self._has_all:
            claimed, waiting = self._claim((context.import_size + 1) // 2 if is_idle else context.import_size)
            self._won |= claimed.keys()
            self._has_all = bool(claimed) and self._won.issuperset(task.key for task in waiting)
            if claimed or not waiting or not is_idle:
                return claimed
            if not self._waited_s:
                owners = ", ".join(sorted({task.owner or "unknown" for task in waiting}))
                context.say(
                    f"waiting for {len(waiting)} tasks that another process pushes now ({owners}); "
                    f"this process pushes them if nothing happens for {context.lease_s:.0f} s"
                )
            step = min(1.0, context.lease_s / 10)
            context.sleep(step)
            self._waited_s = {_name(task): self._waited_s.get(_name(task), 0.0) + step for task in waiting}
        return {}

    def _claim(self, n_at_most: int) -> tuple[dict[str, TaskStatus], list[TaskStatus]]:
        """Claim free tasks; return them, and all tasks that still have to be pushed."""
        claimed: dict[str, TaskStatus] = {}
        waiting: list[TaskStatus] = []

        def is_free(task: TaskStatus) -> bool:
            is_silent = self._waited_s.get(_name(task), 0.0) > self._context.lease_s
            return task.event is Event.PLANNED or is_silent

        def choose(statuses: Mapping[str, TaskStatus]) -> list[str]:
            # The commit calls this again when another writer was first; the last call counts.
            nonlocal claimed, waiting
            waiting = [task for task in statuses.values() if task.is_waiting]
            free = [task for task in waiting if is_free(task)]
            taken = free[:n_at_most]
            sheets = {task.plan.sheet for task in taken} - {None}
            taken += [task for task in free[n_at_most:] if task.plan.sheet in sheets]  # one import makes them
            claimed = {task.key: task for task in taken}
            return list(claimed)

        self._context.task_log.claim(choose)
        return claimed, waiting


def _name(claim: TaskStatus) -> object:
    """Return what tells a claim from a later one."""
    return claim.key, claim.plan_seq, claim.owner, claim.at
