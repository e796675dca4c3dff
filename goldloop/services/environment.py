"""Label Studio's own Python environment and an empty, migrated database, created once per user.

Label Studio's pinned dependencies conflict with those of Prefect and MLflow. Its migrations take a minute, so
each new workspace gets a copy of the migrated database.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_dir

from goldloop.core.errors import ServiceStartError
from goldloop.services.indexes import pip_settings, uv_environment
from goldloop.services.processes import end_of

LABEL_STUDIO_VERSION = "1.23.2"
CACHE_VARIABLE = "GOLDLOOP_CACHE"
LAUNCHER = Path(__file__).parent / "label_studio_server" / "goldloop_label_studio_launch.py"
_PASSED_ON = [
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
]


@dataclass(frozen=True, slots=True)
class LabelStudioInstallation:
    """The paths shared by all embedded Label Studio servers."""

    python: Path
    database_template: Path


def server_environment() -> dict[str, str]:
    """Return the environment variables that are passed to the servers.

    All others are left out: Label Studio reads names such as HOST, DEBUG or USERNAME, and settings of another
    Prefect or MLflow must not leak in.
    """
    names = {*_PASSED_ON, *(name.lower() for name in _PASSED_ON)}
    return {name: value for name, value in os.environ.items() if name in names or name.startswith("LC_")}


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


def label_studio_installation(say: Callable[[str], None]) -> LabelStudioInstallation:
    """Return the installation for this Python version, after creating it if it is missing.

    It is created in a temporary folder and renamed under a file lock: a concurrent call waits, and a killed
    one leaves no incomplete installation.

    Raises:
        ServiceStartError: the installation failed; the message ends with the end of the log.
    """
    name = f"label-studio-{LABEL_STUDIO_VERSION}-py{sys.version_info.major}.{sys.version_info.minor}"
    home = cache_folder() / name
    installation = LabelStudioInstallation(home / "venv" / "bin" / "python", home / "label_studio.sqlite3")
    if _is_complete(installation):
        return installation
    home.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(home.parent / f"{name}.lock"):
        if not _is_complete(installation):
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
    return installation


def migrate(python: Path, data: Path, log: Path) -> None:
    """Migrate the database in `data` to this Label Studio's schema; create it if it is missing.

    Raises:
        ServiceStartError: the migrations failed.
    """
    _run([str(python), str(LAUNCHER), "migrate"], label_studio_environment(data), log)


def _is_complete(installation: LabelStudioInstallation) -> bool:
    return installation.python.exists() and installation.database_template.exists()


def _install(folder: Path, log: Path, say: Callable[[str], None]) -> None:
    from uv import find_uv_bin

    log.unlink(missing_ok=True)
    uv = find_uv_bin()
    python = folder / "venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= uv_environment(pip_settings(), environment)
    create = [uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(folder / "venv")]
    _run(create, environment, log)
    package = f"label-studio=={LABEL_STUDIO_VERSION}"
    _run([uv, "pip", "install", "--python", str(python), package], environment, log)
    say("creating Label Studio's database (takes about a minute, once for all workspaces)")
    data = folder / "data"
    data.mkdir()
    migrate(python, data, log)
    (data / "label_studio.sqlite3").replace(folder / "label_studio.sqlite3")
    shutil.rmtree(data)


def _run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    with log.open("ab") as output:
        status = subprocess.call(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    if status != 0:
        raise ServiceStartError(
            f"{' '.join(command)} failed with {status}. The end of {log}:\n{end_of(log)}\n"
            "Fix the error above, then run `goldloop up` again."
        )
