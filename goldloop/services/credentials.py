"""The secrets of the embedded servers, in a file of the workspace that only its owner can read."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from goldloop.core.disk import write_first, write_whole
from goldloop.core.errors import ServiceError
from goldloop.settings.workspace import Workspace

SINCE_FIRST = {"mlflow_auth"}
"""Secrets that files of the first goldloop lack."""
SECRET_VARIABLES = (
    *("GOLDLOOP_LABEL_STUDIO_TOKEN", "GOLDLOOP_PREFECT_AUTH", "GOLDLOOP_SOURCE_PASSWORD"),
    *("GOLDLOOP_SMTP_PASSWORD", "GOLDLOOP_WEBHOOK_URL", "GOLDLOOP_METRICS_TOKEN"),
    "GOLDLOOP_IMPORT_TOKEN",
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
"""Environment variables whose values are secret."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Accounts and keys of the embedded servers."""

    label_studio_username: str
    label_studio_password: str
    label_studio_token: str
    label_studio_secret_key: str
    prefect_auth: str
    mlflow_auth: str

    def __repr__(self) -> str:
        return "Credentials(...)"


def new_credentials() -> Credentials:
    """Return fresh random credentials."""
    return Credentials(
        label_studio_username="owner@goldloop.local",
        label_studio_password=secrets.token_urlsafe(15),
        label_studio_token=secrets.token_hex(20),
        label_studio_secret_key=secrets.token_urlsafe(48),
        prefect_auth=f"goldloop:{secrets.token_urlsafe(15)}",
        mlflow_auth=f"goldloop:{secrets.token_urlsafe(15)}",
    )


def load_credentials(workspace: Workspace) -> Credentials:
    """Return the credentials in the workspace's secrets file.

    Raises:
        ServiceError: the file is missing or damaged.
    """
    path = workspace.secrets_file
    try:
        return Credentials(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ServiceError(f"{path} does not exist; run `goldloop up` to create it") from None
    except (ValueError, TypeError) as error:
        names = ", ".join(field.name for field in fields(Credentials))
        raise ServiceError(
            f"{path} is damaged ({type(error).__name__}), it needs {names}; restore it, or run "
            "`goldloop down`, remove it and run `goldloop up`, which creates new secrets"
        ) from error


def ensure_credentials(workspace: Workspace) -> Credentials:
    """Return the workspace's credentials, after creating them if there are none.

    The file is linked to its own name, which fails if another process was faster. A file that an earlier
    goldloop wrote gets the secrets that it lacks.
    """
    path = workspace.secrets_file
    if not path.exists():
        write_first(path, json.dumps(asdict(new_credentials()), indent=2), mode=0o600)
    with contextlib.suppress(ValueError):  # a damaged file is reported below
        known = json.loads(path.read_text(encoding="utf-8"))
        lacking = {field.name for field in fields(Credentials)}.difference(known)
        if isinstance(known, dict) and lacking and lacking <= SINCE_FIRST:
            write_whole(path, json.dumps(asdict(new_credentials()) | known, indent=2), mode=0o600)
    path.chmod(0o600)
    return load_credentials(workspace)


def known_secrets(workspace: Workspace, environment: Mapping[str, str]) -> set[str]:
    """Return every secret that the workspace or the environment holds, for the log to leave out.

    Of "user:password" the password counts alone too.
    """
    values = {environment.get(name, "") for name in SECRET_VARIABLES}
    with contextlib.suppress(ServiceError):
        own = asdict(load_credentials(workspace))
        values |= {value for name, value in own.items() if name != "label_studio_username"}
    return {secret for value in values for secret in (value, value.partition(":")[2]) if secret}
