"""serve: the schedules on one machine. In production prefect.yaml deploys the same flows to a work pool."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.schedules import Cron, Schedule

from flows.pull import pull
from flows.push import push
from flows.retrain import retrain
from flows.round import round_
from flows.score import score
from goldloop.core.errors import SettingsError
from goldloop.wiring import open_workspace

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

PULL_CRON = "*/15 * * * *"
# A second retrain is turned away, not queued: it would only learn from the same gold.
_ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def deployments(workspace: Path) -> list[RunnerDeployment]:
    """Return the deployments of a workspace: five flows, two of them scheduled.

    Raises:
        SettingsError: Prefect cannot read the cron.
    """
    settings = open_workspace(workspace).workspace.settings
    schedule = settings.schedule
    try:
        weekly: Schedule = Cron(schedule.cron, timezone=schedule.timezone)
        often: Schedule = Cron(PULL_CRON, timezone=schedule.timezone)
    except ValueError as error:
        raise SettingsError(
            f"schedule.cron {schedule.cron!r} is not a cron Prefect knows: {error}"
        ) from error
    here = {"workspace": str(workspace)}
    name = settings.name
    made = [
        score.to_deployment(name, parameters=here),
        push.to_deployment(name, parameters=here),
        pull.to_deployment(name, parameters=here, schedules=[often], concurrency_limit=_ONE_AT_A_TIME),
        retrain.to_deployment(name, parameters=here, concurrency_limit=_ONE_AT_A_TIME),
        round_.to_deployment(name, parameters=here, schedules=[weekly], concurrency_limit=_ONE_AT_A_TIME),
    ]
    return cast("list[RunnerDeployment]", made)  # outside a running event loop they are no coroutines


def serve_all(workspace: str) -> None:
    """Serve the deployments until interrupted; interrupting does not pause their schedules."""
    from prefect import serve

    os.environ["GOLDLOOP_WORKSPACE"] = workspace
    serve(*deployments(Path(workspace)), pause_on_shutdown=False)
