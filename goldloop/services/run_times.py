"""When each flow last succeeded and how long it took, asked of Prefect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from goldloop.services.endpoints import PrefectEndpoint
from goldloop.services.prefect_runs import prefect_client, workspace_tag

FLOWS = ("score", "push", "pull", "retrain", "round", "label-errors")
_ENDED = ["COMPLETED", "FAILED", "CRASHED"]
_MOST_STEPS = 50


@dataclass(frozen=True, slots=True)
class StepTime:
    """The last success of a flow, or of one `step` of it, and the seconds that it took."""

    flow: str
    step: str
    ended_at: datetime
    duration_s: float


@dataclass(frozen=True, slots=True)
class RunTimes:
    """The last successes of flows and their steps, and by flow whether its last run succeeded."""

    flows: tuple[StepTime, ...]
    steps: tuple[StepTime, ...]
    is_last_good: dict[str, bool]


def read_run_times(server: PrefectEndpoint, workspace_id: str) -> RunTimes | None:
    """Return when the flows of the workspace last succeeded; None while Prefect does not answer.

    Prefect keeps runs for 30 days, so what was longer ago is missing.
    """
    try:
        with prefect_client(server) as client:
            flows, steps, is_good = list[StepTime](), list[StepTime](), dict[str, bool]()
            for flow in FLOWS:
                ended = _newest(client, workspace_id, flow, _ENDED)
                if ended is None:
                    continue
                is_good[flow] = ended["state_type"] == "COMPLETED"
                run = ended if is_good[flow] else _newest(client, workspace_id, flow, ["COMPLETED"])
                if run is not None:
                    flows.append(_time(run, flow))
                    steps += _steps(client, run["id"], flow)
            return RunTimes(tuple(flows), tuple(steps), is_good)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def _newest(client: httpx.Client, workspace_id: str, flow: str, states: list[str]) -> dict[str, Any] | None:
    wanted = {
        "flows": {"name": {"any_": [flow]}},
        "flow_runs": {
            "tags": {"all_": [workspace_tag(workspace_id)]},
            "state": {"type": {"any_": states}},
        },
        "sort": "END_TIME_DESC",
        "limit": 1,
    }
    runs: list[dict[str, Any]] = client.post("/flow_runs/filter", json=wanted).raise_for_status().json()
    return runs[0] if runs else None


def _steps(client: httpx.Client, run_id: str, flow: str) -> Iterator[StepTime]:
    wanted = {
        "flow_runs": {"id": {"any_": [run_id]}},
        "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
        "sort": "END_TIME_DESC",
        "limit": _MOST_STEPS,
    }
    found = client.post("/task_runs/filter", json=wanted).raise_for_status().json()
    newest = {task["name"].rpartition("-")[0] or task["name"]: task for task in reversed(found)}
    for step, task in sorted(newest.items()):
        yield _time(task, flow, step)


def _time(run: dict[str, Any], flow: str, step: str = "") -> StepTime:
    return StepTime(flow, step, datetime.fromisoformat(run["end_time"]), float(run["total_run_time"]))
