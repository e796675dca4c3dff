"""How each embedded server is installed and started: commands, environments and databases.

Label Studio has a Python environment of its own, created once per user, because its pinned dependencies
conflict with those of Prefect and MLflow. Its migrations take a minute, so each new workspace gets a copy of
a migrated database.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_dir

from goldloop.core.loopback import direct_loopback
from goldloop.services.credentials import Credentials
from goldloop.services.databases import MLFLOW, PREFECT, ready_alembic, ready_django
from goldloop.services.indexes import pip_settings, uv_environment
from goldloop.services.processes import MARK_VARIABLE, start_failure
from goldloop.services.upgrades import Database
from goldloop.settings.workspace import Workspace

LABEL_STUDIO_VERSION = "1.23.2"
CACHE_VARIABLE = "GOLDLOOP_CACHE"
LAUNCHER = Path(__file__).parent / "label_studio_server" / "goldloop_label_studio_launch.py"
MLFLOW_LOGIN = Path(__file__).parent / "mlflow_server"
_PYTHON = Path("venv", "bin", "python")  # in the folder of the installation, like the database
_DATABASE = "label_studio.sqlite3"
_RUNS_KEPT_S = 30 * 24 * 3600
_TASK_LOCK_S = 1800  # Label Studio's default keeps an abandoned task locked for a day
_PASSED_ON = [
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
]


def prepare(
    name: str,
    workspace: Workspace,
    port: int,
    *,
    credentials: Credentials,
    say: Callable[[str], None],
) -> tuple[list[str], dict[str, str]]:
    """Return command and environment of the server `name` on `port`, after creating its folder and database.

    The secrets are in the environment, not in the command.

    Raises:
        ServiceStartError: the installation of Label Studio, or its migration, failed.
    """
    folder = workspace.services / name
    folder.mkdir(parents=True, exist_ok=True)
    if name == "label_studio":
        home = installation(say)
        _ready_database(home, folder / "data", workspace, say)
        environment = _serving_environment(workspace, folder, port, credentials)
        return [str(home / _PYTHON), str(LAUNCHER), "serve"], environment
    if name == "prefect":
        return _prefect(folder, port, credentials, workspace.logs, say)
    return _mlflow(folder, port, credentials, workspace.logs, say)


def _serving_environment(
    workspace: Workspace, folder: Path, port: int, credentials: Credentials
) -> dict[str, str]:
    files = folder / "files"
    files.mkdir(exist_ok=True)
    workspace.images.mkdir(exist_ok=True)
    images = files / "images"
    if images.is_dir() and not images.is_symlink():  # whoever copied the workspace followed the link
        images.rename(folder / f"copied-images-{time.time_ns()}")
    if not images.is_symlink():  # Label Studio serves folders below the root, but not the root itself
        images.symlink_to(Path("..", "..", "..", workspace.images.name), target_is_directory=True)
    if not images.exists() or not images.samefile(workspace.images):  # the server's folder is a link itself
        images.unlink()
        images.symlink_to(workspace.images.resolve(), target_is_directory=True)
    return label_studio_environment(folder / "data") | {
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
        "ML_BLOCK_LOCAL_IP": "false",  # `goldloop serve --suggestions` answers on this machine
        "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short": "1",
        "fflag_fix_all_optic_79_task_count_is_wrong_short": "1",  # annotators see how many tasks are left
    }


def _ready_database(home: Path, data: Path, workspace: Workspace, say: Callable[[str], None]) -> None:
    data.mkdir(exist_ok=True)
    database = data / _DATABASE
    if not database.exists():
        beside = data / f".{_DATABASE}"
        shutil.copyfile(home / _DATABASE, beside)
        beside.replace(database)
    ready_django(
        Database("Label Studio", LABEL_STUDIO_VERSION, database, workspace.services / "backups", say),
        home / _DATABASE,
        migrate=lambda mark: _migrate(home / _PYTHON, data, workspace.logs / "label_studio.log", mark=mark),
    )


def _prefect(
    folder: Path, port: int, credentials: Credentials, logs: Path, say: Callable[[str], None]
) -> tuple[list[str], dict[str, str]]:
    environment = server_environment() | {
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_API_AUTH_STRING": credentials.prefect_auth,
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_API_AUTH_STRING": credentials.prefect_auth,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # else Prefect keeps every run for ever: 35,000 pulls a year, with their logs, events and artifacts
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(_RUNS_KEPT_S),
        # with leases in memory, the lease of a killed retrain would block retraining after a restart
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    ready_alembic(
        *PREFECT,
        Database("Prefect", version("prefect"), folder / "prefect.db", folder.parent / "backups", say),
        migrate=lambda mark: _run(upgrade, environment | {MARK_VARIABLE: mark}, logs / "prefect.log"),
    )
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    return command, environment


def _mlflow(
    folder: Path, port: int, credentials: Credentials, logs: Path, say: Callable[[str], None]
) -> tuple[list[str], dict[str, str]]:
    plugin = folder / "plugin"  # MLflow takes another application only from an installed package
    package = plugin / "goldloop_login-1.dist-info"
    package.mkdir(parents=True, exist_ok=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: goldloop-login\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        "[mlflow.app]\ngoldloop-login = goldloop_mlflow_login:create_app\n"
    )
    environment = server_environment() | {
        "PYTHONPATH": f"{MLFLOW_LOGIN}{os.pathsep}{plugin}",
        "GOLDLOOP_MLFLOW_AUTH": credentials.mlflow_auth,
        "GOLDLOOP_MLFLOW_PORT": str(port),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2 processes and 0.5 GB instead of 9 and 1.5 GB
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
    address = f"sqlite:///{folder / 'mlflow.db'}"
    upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", address]
    ready_alembic(
        *MLFLOW,
        Database("MLflow", version("mlflow"), folder / "mlflow.db", folder.parent / "backups", say),
        migrate=lambda mark: _run(upgrade, environment | {MARK_VARIABLE: mark}, logs / "mlflow.log"),
    )
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "goldloop-login"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", address]
    command += ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
    return command, environment


def server_environment() -> dict[str, str]:
    """Return the environment variables that are passed to the servers.

    All others are left out: Label Studio reads names such as HOST, DEBUG or USERNAME, and settings of another
    Prefect or MLflow must not leak in.
    """
    names = {*_PASSED_ON, *(name.lower() for name in _PASSED_ON)}
    passed = {name: value for name, value in os.environ.items() if name in names or name.startswith("LC_")}
    return passed | direct_loopback(passed, "http://127.0.0.1")


def label_studio_environment(data: Path) -> dict[str, str]:
    """Return the environment of a Label Studio with database and files in `data`."""
    return server_environment() | {
        "PYTHONPATH": str(LAUNCHER.parent),
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LATEST_VERSION_CHECK": "0",
        "COLLECT_ANALYTICS": "0",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def cache_folder() -> Path:
    """Return the folder shared by all workspaces of this user, or $GOLDLOOP_CACHE."""
    return Path(os.environ.get(CACHE_VARIABLE) or user_cache_dir("goldloop")).expanduser().resolve()


def installation(say: Callable[[str], None]) -> Path:
    """Return the folder of the installation for this Python version, after creating it if it is missing.

    It is created in a temporary folder and renamed under a file lock: a concurrent call waits, and a killed
    one leaves no incomplete installation.
    """
    name = f"label-studio-{LABEL_STUDIO_VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
    home = cache_folder() / name
    if _is_complete(home):
        return home
    home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(home.parent / f"{name}.lock"):
        if not _is_complete(home):
            say(
                f"installing Label Studio {LABEL_STUDIO_VERSION} into {home} "
                "(takes a few minutes, once for all workspaces)"
            )
            shutil.rmtree(home, ignore_errors=True)
            beside = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=home.parent))
            try:
                _install(beside, home.parent / f"{name}.log", say)
                beside.replace(home)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    return home


def _is_complete(home: Path) -> bool:
    return (home / _PYTHON).exists() and (home / _DATABASE).exists()


def _install(folder: Path, log: Path, say: Callable[[str], None]) -> None:
    from uv import find_uv_bin

    log.unlink(missing_ok=True)
    uv = find_uv_bin()
    python = folder / _PYTHON
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= uv_environment(pip_settings(), environment) | direct_loopback(environment)
    create = [uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(folder / "venv")]
    _run(create, environment, log)
    package = f"label-studio=={LABEL_STUDIO_VERSION}"
    _run([uv, "pip", "install", "--python", str(python), package], environment, log)
    say("creating Label Studio's database (takes about a minute, once for all workspaces)")
    data = folder / "data"
    data.mkdir()
    _migrate(python, data, log)
    (data / _DATABASE).replace(folder / _DATABASE)
    shutil.rmtree(data)


def _migrate(python: Path, data: Path, log: Path, *, mark: str = "") -> None:
    """Migrate the database in `data` to this Label Studio's schema; create it if it is missing."""
    environment = label_studio_environment(data) | {MARK_VARIABLE: mark}
    _run([str(python), str(LAUNCHER), "migrate"], environment, log)


def _run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as output:
        status = subprocess.call(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    if status != 0:
        raise start_failure(f"{' '.join(command)} failed with {status}", log)
