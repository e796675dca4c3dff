"""What a real Prefect server knows, asked over its API."""

from __future__ import annotations

import time
from typing import Any

import httpx


class PrefectApi:
    """The API of a Prefect server, as far as tests look at it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def post(self, path: str, **body: Any) -> Any:
        """Return the answer to a POST."""
        return self._asked("POST", path, json=body)

    def get(self, path: str) -> Any:
        """Return the answer to a GET."""
        return self._asked("GET", path)

    def _asked(self, method: str, path: str, **content: Any) -> Any:
        """Return an answer; while the server's database is locked it says 503, and any client asks again."""
        for pause_s in (0.5, 1, 2, 4, 8, 0):
            reply = self._client.request(method, path, **content)
            if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(pause_s)
        return reply.raise_for_status().json()

    def deployments(self, name: str) -> dict[str, Any]:
        """Return the deployments called `name` by flow."""
        found = self.post("/deployments/filter", deployments={"name": {"any_": [name]}})
        return {self.get(f"/flows/{one['flow_id']}")["name"]: one for one in found}

    def runs(self) -> list[dict[str, Any]]:
        """Return the newest flow runs, with their parameters."""
        return list(self.post("/flow_runs/filter", sort="EXPECTED_START_TIME_DESC", limit=200))

    def run(self, deployment_id: str) -> str:
        """AnswerRequest for a run of a deployment; return its id."""
        return str(self.post(f"/deployments/{deployment_id}/create_flow_run")["id"])
