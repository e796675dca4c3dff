"""The commands and environments of the embedded servers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from goldloop.services.credentials import Credentials
from goldloop.services.environment import (
    LABEL_STUDIO_VERSION,
    LAUNCHER,
    label_studio_environment,
    label_studio_installation,
    migrate,
    server_environment,
)
from goldloop.settings.workspace import Workspace

_TASK_LOCK_S = 1800  # Label Studio's default keeps an abandoned task locked for a day


@dataclass(frozen=True, slots=True)
class Launch:
    """A server's command, its environment (with the secrets, which are not in the command) and its folder."""

    command: list[str]
    environment: dict[str, str]
    folder: Path


def prepare(
    name: str,
    workspace: Workspace,
    port: int,
    *,
    credentials: Credentials,
    say: Callable[[str], None],
) -> Launch:
    """Return how to start the server `name` on `port`, after creating its folder and database.

    Raises:
        ServiceStartError: the installation of Label Studio, or its migration, failed.
    """
    folder = workspace.services / name
    folder.mkdir(parents=True, exist_ok=True)
    if name == "label_studio":
        installation = label_studio_installation(say)
        data = folder / "data"
        data.mkdir(exist_ok=True)
        _ready_database(installation.database_template, installation.python, data, workspace.logs)
        return _label_studio(workspace, folder, installation.python, port, credentials)
    return _prefect(folder, port, credentials) if name == "prefect" else _mlflow(folder, port)


def _label_studio(
    workspace: Workspace, folder: Path, python: Path, port: int, credentials: Credentials
) -> Launch:
    files = folder / "files"
    files.mkdir(exist_ok=True)
    workspace.images.mkdir(exist_ok=True)
    images = files / "images"
    if not images.is_symlink():  # Label Studio serves folders below the root, but not the root itself
        images.symlink_to(Path("..", "..", "..", workspace.images.name), target_is_directory=True)
    environment = label_studio_environment(folder / "data") | {
        "LABEL_STUDIO_INTERNAL_PORT": str(port),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "GOLDLOOP_USERNAME": credentials.label_studio_username,
        "GOLDLOOP_PASSWORD": credentials.label_studio_password,
        "GOLDLOOP_TOKEN": credentials.label_studio_token,
        "SECRET_KEY": credentials.label_studio_secret_key,
        "DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "CORS_ALLOW_ALL_ORIGINS": "false",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "LOCAL_FILES_SERVING_ENABLED": "true",
        "LOCAL_FILES_DOCUMENT_ROOT": str(files),
        "TASK_LOCK_TTL": str(_TASK_LOCK_S),
        "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short": "1",
        "fflag_fix_all_optic_79_task_count_is_wrong_short": "1",  # annotators see how many tasks are left
    }
    return Launch([str(python), str(LAUNCHER), "serve"], environment, folder)


def _ready_database(template: Path, python: Path, data: Path, logs: Path) -> None:
    database, version = data / "label_studio.sqlite3", data / "schema_version"
    if not database.exists():
        beside = data / ".label_studio.sqlite3"
        shutil.copyfile(template, beside)
        beside.replace(database)
    elif not version.exists() or version.read_text() != LABEL_STUDIO_VERSION:
        migrate(python, data, logs / "label_studio.log")
    version.write_text(LABEL_STUDIO_VERSION)


def _prefect(folder: Path, port: int, credentials: Credentials) -> Launch:
    environment = server_environment() | {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_API_AUTH_STRING": credentials.prefect_auth,
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_API_AUTH_STRING": credentials.prefect_auth,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # with leases in memory, the lease of a killed retrain would block retraining after a restart
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    return Launch(command, environment, folder)


def _mlflow(folder: Path, port: int) -> Launch:
    environment = server_environment() | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2 processes and 0.5 GB instead of 9 and 1.5 GB
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
    return Launch(command, environment, folder)
