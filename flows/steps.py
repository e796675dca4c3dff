"""Steps as Prefect tasks: named, retried while a server does not answer, ended when they hang."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import runtime, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from goldloop.core.errors import ServiceUnreachableError
from goldloop.core.structured_log import log

Result = TypeVar("Result")

RETRIES = 3
BACKOFF_S = 20.0  # 20, 40 and 80 s: the restart of a server takes a minute
TIMEOUT_S = 6 * 3600.0  # longer than any step on one machine, shorter than the wait for the next round


def as_task(name: str, step: Callable[[], Result]) -> Result:
    """Run `step` as a Prefect task called `name` and return what it returns.

    A scheduled run repeats a step while a server does not answer; a repeated step does no harm.
    A user who runs a command is told at once.
    """

    def logged() -> Result:
        started = time.monotonic()
        done = step()
        log(logging.INFO, "step.completed", step=name, duration_s=round(time.monotonic() - started, 3))
        return done

    run: Any = task(
        name=name,
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(BACKOFF_S),
        retry_jitter_factor=0.2,
        retry_condition_fn=is_worth_a_retry,
        timeout_seconds=TIMEOUT_S,
        persist_result=False,
    )(logged)
    result: Result = run()
    return result


def is_worth_a_retry(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return whether a deployment's step failed because a server did not answer."""
    del task, run
    if not runtime.deployment.id:
        return False
    try:
        state.result()
    except ServiceUnreachableError:
        return True
    except Exception:
        return False
    return False
