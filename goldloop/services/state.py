"""services/state.json: the port and the last process of each embedded server."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from goldloop.core.errors import ServiceError
from goldloop.services.processes import ProcessMark
from goldloop.settings.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ServerState:
    """An embedded server: its port, which it keeps, and its process, None after `down`."""

    port: int
    process: ProcessMark | None = None

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"


def load_state(workspace: Workspace) -> dict[str, ServerState]:
    """Return the recorded servers by name; empty before the first `up`.

    Raises:
        ServiceError: the file is damaged.
    """
    path = workspace.services / "state.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: ServerState(fields["port"], ProcessMark(**fields["process"]) if fields["process"] else None)
            for name, fields in content.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ServiceError(
            f"{path} is damaged ({error}); end the servers of this workspace (see {workspace.logs}), then "
            "remove it"
        ) from error


def save_state(workspace: Workspace, state: dict[str, ServerState]) -> None:
    """Replace the recorded servers by `state` atomically."""
    path = workspace.services / "state.json"
    beside = path.with_name(f".state.{os.getpid()}")
    content = {name: asdict(server) for name, server in state.items()}
    beside.write_text(json.dumps(content, indent=2), encoding="utf-8")
    beside.replace(path)
