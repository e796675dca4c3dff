"""Where the three servers answer and how to log in, for every command that is not `up`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from goldloop.core.errors import ServiceAuthError, ServiceUnreachableError
from goldloop.services.credentials import Credentials, load_credentials
from goldloop.services.processes import is_running
from goldloop.services.state import load_state
from goldloop.settings.workspace import Workspace

LABEL_STUDIO_TOKEN = "GOLDLOOP_LABEL_STUDIO_TOKEN"
LABEL_STUDIO_FILES = "GOLDLOOP_LABEL_STUDIO_FILES"
PREFECT_AUTH = "GOLDLOOP_PREFECT_AUTH"
TITLES = {"label_studio": "Label Studio", "prefect": "Prefect", "mlflow": "MLflow"}


@dataclass(frozen=True, slots=True)
class LabelStudioEndpoint:
    """Label Studio's address and account.

    `files_root` is Label Studio's local-files document root as that server sees it; its one subfolder
    `images` is the workspace's images folder, so an image is `/data/local-files/?d=images/<path>`. None:
    that server has no such folder. Username and password are None for a server that runs elsewhere.
    """

    url: str
    token: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    files_root: str | None = None


@dataclass(frozen=True, slots=True)
class PrefectEndpoint:
    """Prefect's address and its "user:password", or None where it asks for none."""

    url: str
    auth: str | None = field(default=None, repr=False)

    @property
    def api_url(self) -> str:
        """Value for PREFECT_API_URL."""
        return f"{self.url}/api"


@dataclass(frozen=True, slots=True)
class MlflowEndpoint:
    """MLflow's address, to be used as tracking and registry URI."""

    url: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The three servers of a workspace."""

    label_studio: LabelStudioEndpoint
    prefect: PrefectEndpoint
    mlflow: MlflowEndpoint


def external_urls(workspace: Workspace) -> dict[str, str]:
    """Return the addresses of the servers that settings place elsewhere, by server name."""
    services = workspace.settings.services
    given = {
        "label_studio": services.label_studio_url,
        "prefect": services.prefect_url.removesuffix("/api") if services.prefect_url else None,
        "mlflow": services.mlflow_url,
    }
    return {name: url for name, url in given.items() if url}


def endpoints(workspace: Workspace) -> Endpoints:
    """Return where the servers of `workspace` answer, without asking them.

    Raises:
        ServiceUnreachableError: an embedded server is not up.
        ServiceAuthError: a server elsewhere needs a token that the environment does not hold.
    """
    state = load_state(workspace)
    elsewhere = external_urls(workspace)
    urls = dict(elsewhere)
    for name, title in TITLES.items():
        if name not in elsewhere:
            server = state.get(name)
            if server is None or server.process is None or not is_running(server.process):
                raise ServiceUnreachableError(
                    f"{title} of the workspace {workspace.root} is not up; run 'goldloop up'"
                )
            urls[name] = server.url
    return resolved_endpoints(
        workspace, urls, load_credentials(workspace) if len(elsewhere) < len(TITLES) else None
    )


def resolved_endpoints(
    workspace: Workspace, urls: dict[str, str], credentials: Credentials | None
) -> Endpoints:
    """Return `urls` with the credentials that belong to them: made by `up`, or from the environment."""
    elsewhere = external_urls(workspace)
    if "label_studio" in elsewhere or credentials is None:
        token = os.environ.get(LABEL_STUDIO_TOKEN)
        if not token:
            raise ServiceAuthError(
                f"goldloop.toml names the Label Studio at {urls['label_studio']}, and {LABEL_STUDIO_TOKEN} "
                "is not set; set it to an access token of an account there (its Account & Settings page)"
            )
        label_studio = LabelStudioEndpoint(
            urls["label_studio"], token, files_root=os.environ.get(LABEL_STUDIO_FILES) or None
        )
    else:
        label_studio = LabelStudioEndpoint(
            urls["label_studio"],
            credentials.label_studio_token,
            credentials.label_studio_username,
            credentials.label_studio_password,
            str(workspace.services / "label_studio" / "files"),
        )
    if "prefect" in elsewhere or credentials is None:
        prefect = PrefectEndpoint(urls["prefect"], os.environ.get(PREFECT_AUTH) or None)
    else:
        prefect = PrefectEndpoint(urls["prefect"], credentials.prefect_auth)
    return Endpoints(label_studio, prefect, MlflowEndpoint(urls["mlflow"]))
