"""The secrets of the embedded servers, in a file of the workspace that only its owner can read."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from goldloop.core.errors import ServiceError
from goldloop.settings.workspace import Workspace

SINCE_FIRST = {"mlflow_auth"}
"""Secrets that files of the first goldloop lack."""


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
        with _written(path, asdict(new_credentials())) as beside, contextlib.suppress(FileExistsError):
            path.hardlink_to(beside)  # fails if another process was faster; use its secrets
    with contextlib.suppress(ValueError):  # a damaged file is reported below
        known = json.loads(path.read_text(encoding="utf-8"))
        lacking = {field.name for field in fields(Credentials)}.difference(known)
        if isinstance(known, dict) and lacking and lacking <= SINCE_FIRST:
            with _written(path, asdict(new_credentials()) | known) as beside:
                beside.replace(path)
    path.chmod(0o600)
    return load_credentials(workspace)


@contextlib.contextmanager
def _written(path: Path, values: dict[str, str]) -> Iterator[Path]:
    """Yield a file beside `path` with `values`, of mode 0600 from the start; remove it if it remains."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)
