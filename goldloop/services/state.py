"""services/state.json: which server has which port, and which process it was when it was last started."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from goldloop.core.errors import ServiceError
from goldloop.services.processes import ProcessMark
from goldloop.settings.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ServerState:
    """One embedded server: its port, kept for ever, and its process, None once ended."""

    port: int
    process: ProcessMark | None = None

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"


def load_state(workspace: Workspace) -> dict[str, ServerState]:
    """Return the recorded servers by name; none before the first `up`.

    Raises:
        ServiceError: the file is damaged.
    """
    path = workspace.services / "state.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: ServerState(one["port"], ProcessMark(**one["process"]) if one["process"] else None)
            for name, one in content.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ServiceError(
            f"{path} is damaged ({error}); end the servers it described (see {workspace.logs}) and remove it"
        ) from error


def save_state(workspace: Workspace, state: dict[str, ServerState]) -> None:
    """Replace the recorded servers by `state` in one step."""
    path = workspace.services / "state.json"
    beside = path.with_name(f".state.{os.getpid()}")
    beside.write_text(
        json.dumps({name: asdict(one) for name, one in state.items()}, indent=2), encoding="utf-8"
    )
    beside.replace(path)
