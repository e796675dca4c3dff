"""uv's environment variables for the package indexes that this machine's pip is told to use.

uv does not read pip's configuration, so behind a mirror that only pip knows uv would install nothing.
Runs as a script too, with nothing but Python and pip, before anything is installed: it then prints one
`NAME=value` line per variable, for scripts/_environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

_TIMEOUT_S = 60


def pip_settings(python: str = sys.executable) -> dict[str, str]:
    """Return pip's effective settings (files and PIP_ variables) by option name; none without a pip."""
    try:
        listed = subprocess.run(
            [python, "-m", "pip", "config", "list"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        listed = ""
    settings = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in ("global", "install") and option:
            settings[option] = value.strip().strip("'\"")
    for name, value in os.environ.items():
        if name.startswith("PIP_") and value:
            settings[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return settings


def uv_environment(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the UV_ variables that make uv use the indexes of pip's `settings`.

    Whatever the user told uv itself wins: with any UV_ index variable set, or pip's settings naming no
    index, nothing is added. `find-links` is left out while there is an index: pip takes such folders as an
    addition, and a torch wheel lying there must not decide which torch is installed.
    """
    if any(
        environment.get(name)
        for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX")
    ):
        return {}
    told: dict[str, str] = {}
    if index := settings.get("index-url"):
        told["UV_DEFAULT_INDEX"] = index
    if extra := settings.get("extra-index-url"):
        told["UV_INDEX"] = " ".join(extra.replace("\\n", " ").split())
        told["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip's own rule: the best version of all indexes
    if settings.get("no-index") in ("1", "true", "yes", "on"):
        told["UV_NO_INDEX"] = "1"
        told["UV_FIND_LINKS"] = ",".join(settings.get("find-links", "").replace("\\n", " ").split())
    if hosts := settings.get("trusted-host"):
        told["UV_INSECURE_HOST"] = " ".join(hosts.replace("\\n", " ").split())
    if (cert := settings.get("cert")) and not environment.get("SSL_CERT_FILE"):
        told["SSL_CERT_FILE"] = cert
    return told


if __name__ == "__main__":
    for _name, _value in uv_environment(pip_settings(), os.environ).items():
        print(f"{_name}={_value}")
