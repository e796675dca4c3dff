"""The environment in which Prefect's client finds the workspace's server."""

from __future__ import annotations

import os

from goldloop.core.loopback import direct_loopback
from goldloop.services import endpoints
from goldloop.settings.workspace import Workspace


def prefect_environment(workspace: Workspace) -> dict[str, str]:
    """Return the environment variables with which Prefect's client speaks to the workspace's server.

    They must be set before Prefect is imported. Its folder is made here: where Prefect's server runs
    elsewhere, nothing else makes it, and the client complains.
    """
    server = endpoints(workspace).prefect
    home = workspace.services / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        "PREFECT_API_URL": server.api_url,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        **direct_loopback(os.environ, server.api_url),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": os.environ.get(
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL"
        ),
    }
    # else Prefect's threads print every lost connection, beside the error that the command ends with
    environment["PREFECT_LOGGING_INTERNAL_LEVEL"] = os.environ.get(
        "PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL"
    )
    if server.auth:
        environment["PREFECT_API_AUTH_STRING"] = server.auth
    return environment
