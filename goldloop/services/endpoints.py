"""The addresses and credentials of the three servers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from goldloop.core.errors import ServiceAuthError, ServiceUnreachableError, WorkspaceError
from goldloop.services.credentials import load_credentials
from goldloop.services.full_disk import full_disk, remember
from goldloop.services.processes import is_running
from goldloop.services.state import TITLES, ServerState, load_state
from goldloop.settings.identity import original_of
from goldloop.settings.workspace import Workspace

LABEL_STUDIO_TOKEN = "GOLDLOOP_LABEL_STUDIO_TOKEN"
LABEL_STUDIO_FILES = "GOLDLOOP_LABEL_STUDIO_FILES"
PREFECT_AUTH = "GOLDLOOP_PREFECT_AUTH"


@dataclass(frozen=True, slots=True)
class LabelStudioEndpoint:
    """Label Studio's address and account.

    `files_root` is Label Studio's document root for local files, as a path on the server. Its only subfolder
    `images` is the workspace's images folder, so an image is `/data/local-files/?d=images/<path>`. None means
    that the server has no such folder. Username and password are None for an external server.
    """

    url: str
    token: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    files_root: str | None = None


@dataclass(frozen=True, slots=True)
class PrefectEndpoint:
    """Prefect's address and its "user:password"; None if it has no authentication."""

    url: str
    auth: str | None = field(default=None, repr=False)

    @property
    def api_url(self) -> str:
        """Value for PREFECT_API_URL."""
        return f"{self.url}/api"


@dataclass(frozen=True, slots=True)
class MlflowEndpoint:
    """MLflow's address, which is its tracking and registry URI, and its "user:password".

    None for an external server: MLflow's own environment variables log in there.
    """

    url: str
    auth: str | None = field(default=None, repr=False)

    @property
    def login(self) -> tuple[str, str] | None:
        """User name and password, None for an external server."""
        if self.auth is None:
            return None
        user, _, password = self.auth.partition(":")
        return user, password


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The three servers of a workspace."""

    label_studio: LabelStudioEndpoint
    prefect: PrefectEndpoint
    mlflow: MlflowEndpoint

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of the servers, by title."""
        return {title: getattr(self, name).url for name, title in TITLES.items()}


def external_urls(workspace: Workspace) -> dict[str, str]:
    """Return the addresses of the external servers in the settings, by server name."""
    services = workspace.settings.services
    given = {
        "label_studio": services.label_studio_url,
        "prefect": services.prefect_url.removesuffix("/api") if services.prefect_url else None,
        "mlflow": services.mlflow_url,
    }
    return {name: url for name, url in given.items() if url}


def endpoints(workspace: Workspace) -> Endpoints:
    """Return the endpoints of the servers of `workspace`, without a health check.

    Raises:
        ServiceUnreachableError: an embedded server is not running.
        ServiceAuthError: an external server needs a token, and its environment variable is not set.
    """
    state = load_state(workspace)
    external = external_urls(workspace)
    for name, title in TITLES.items():
        is_up = name in state and is_running(state[name].process)
        if name not in external and not is_up:
            step = full_disk(workspace.services / name) or "run `goldloop up`"
            raise ServiceUnreachableError(f"{title} of the workspace {workspace.root} is not running; {step}")
    return recorded_endpoints(workspace, state)


def recorded_endpoints(workspace: Workspace, state: Mapping[str, ServerState]) -> Endpoints:
    """Return the endpoints of the embedded servers in `state`, running or not, and of the external ones.

    The secrets of embedded servers come from the workspace, those of external servers from the environment.
    """
    external = external_urls(workspace)
    if external:
        _refuse_copies(workspace, external)
    for name, server in state.items():
        remember(server.url, workspace.services / name)
    urls = {name: server.url for name, server in state.items()} | external
    if "label_studio" in external:
        token = os.environ.get(LABEL_STUDIO_TOKEN)
        if not token:
            raise ServiceAuthError(
                f"the environment variable {LABEL_STUDIO_TOKEN} is not set, but goldloop.toml names the "
                f"external Label Studio {urls['label_studio']}; set the variable to an access token of that "
                "server (see its Account & Settings page)"
            )
        label_studio = LabelStudioEndpoint(
            urls["label_studio"], token, files_root=os.environ.get(LABEL_STUDIO_FILES) or None
        )
    else:
        own = load_credentials(workspace)
        label_studio = LabelStudioEndpoint(
            urls["label_studio"],
            own.label_studio_token,
            own.label_studio_username,
            own.label_studio_password,
            str(workspace.services / "label_studio" / "files"),
        )
    is_own = "prefect" not in external
    auth = load_credentials(workspace).prefect_auth if is_own else os.environ.get(PREFECT_AUTH) or None
    mlflow_auth = None if "mlflow" in external else load_credentials(workspace).mlflow_auth
    return Endpoints(
        label_studio,
        PrefectEndpoint(urls["prefect"], auth),
        MlflowEndpoint(urls["mlflow"], mlflow_auth),
    )


def _refuse_copies(workspace: Workspace, external: Mapping[str, str]) -> None:
    """Raise if this is a copy of a workspace that still exists: both would work in the same projects.

    Raises:
        WorkspaceError: it is one.
    """
    identity = workspace.identity
    original = original_of(workspace.root, identity.id, identity.root)
    if original is not None:
        raise WorkspaceError(
            f"{workspace.root} is a copy of the workspace {original}, which still exists; both would work in "
            f"the same projects on {', '.join(external.values())}. Go on in {original}, or remove it and go "
            "on here"
        )
