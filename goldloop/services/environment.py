"""Label Studio's own Python environment and an empty, migrated database, made once per user.

Together with Prefect and MLflow, Label Studio's pins cannot be met; and its first start spends a minute on
migrations, which a copied database spares every workspace after the first.
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
from threading import Event

from filelock import FileLock
from platformdirs import user_cache_dir

from goldloop.core.errors import ServiceStartError
from goldloop.services.indexes import pip_settings, uv_environment
from goldloop.services.processes import end_of

LABEL_STUDIO_VERSION = "1.23.2"
CACHE_VARIABLE = "GOLDLOOP_CACHE"
LAUNCHER = Path(__file__).parent / "label_studio_server" / "goldloop_label_studio_launch.py"
_POLL_S = 0.2
_PASSED_ON = [
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
]


@dataclass(frozen=True, slots=True)
class LabelStudioInstallation:
    """Where the shared parts of every embedded Label Studio lie."""

    python: Path
    database_template: Path


def server_environment() -> dict[str, str]:
    """Return the part of our environment that the servers may see.

    Everything else stays out: Label Studio reads bare names such as HOST, DEBUG or USERNAME, and settings
    of another Prefect or MLflow must not leak in.
    """
    names = {*_PASSED_ON, *(one.lower() for one in _PASSED_ON)}
    return {name: value for name, value in os.environ.items() if name in names or name.startswith("LC_")}


def label_studio_environment(data: Path) -> dict[str, str]:
    """Return the environment of a Label Studio whose database and files lie in `data`."""
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


def label_studio_installation(say: Callable[[str], None], cancelled: Event) -> LabelStudioInstallation:
    """Return the installation for this Python version, making it where it is missing.

    Made beside and moved into place under a file lock, so whoever comes at the same time waits and whoever
    is killed leaves nothing half made.

    Raises:
        ServiceStartError: it cannot be installed; the message ends with the end of the log.
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
                f"installing Label Studio {LABEL_STUDIO_VERSION} into {home}: "
                "a few minutes, once for all workspaces"
            )
            shutil.rmtree(home, ignore_errors=True)
            beside = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=home.parent))
            try:
                _install(beside, home.parent / f"{name}.log", say, cancelled)
                beside.replace(home)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    return installation


def migrate(python: Path, data: Path, log: Path, cancelled: Event) -> None:
    """Bring the database in `data` to this Label Studio's schema, making it where it is missing.

    Raises:
        ServiceStartError: the migrations failed.
    """
    _run([str(python), str(LAUNCHER), "migrate"], label_studio_environment(data), log, cancelled)


def _is_complete(installation: LabelStudioInstallation) -> bool:
    return installation.python.exists() and installation.database_template.exists()


def _install(folder: Path, log: Path, say: Callable[[str], None], cancelled: Event) -> None:
    from uv import find_uv_bin

    log.unlink(missing_ok=True)
    uv = find_uv_bin()
    python = folder / "venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= uv_environment(pip_settings(), environment)
    create = [uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(folder / "venv")]
    _run(create, environment, log, cancelled)
    package = f"label-studio=={LABEL_STUDIO_VERSION}"
    _run([uv, "pip", "install", "--python", str(python), package], environment, log, cancelled)
    say("preparing Label Studio's database: about a minute, once for all workspaces")
    data = folder / "data"
    data.mkdir()
    migrate(python, data, log, cancelled)
    (data / "label_studio.sqlite3").replace(folder / "label_studio.sqlite3")
    shutil.rmtree(data)


def _run(command: Sequence[str], environment: Mapping[str, str], log: Path, cancelled: Event) -> None:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None and not cancelled.wait(_POLL_S):
                pass
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if cancelled.is_set():
        raise ServiceStartError("starting was interrupted; run 'goldloop up' again")
    if process.returncode != 0:
        raise ServiceStartError(
            f"{' '.join(command)} ended with {process.returncode}; the end of {log}:\n{end_of(log)}\n"
            "Mend what it names and run 'goldloop up' again"
        )
