"""uv's environment variables for the package indexes in pip's configuration.

uv does not read pip's configuration, so it cannot install from a mirror that is set only there. This module
also runs as a script, with only Python and pip, before goldloop is installed: it prints one `NAME=value` line
per variable, for scripts/_environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

_TIMEOUT_S = 60


def pip_settings() -> dict[str, str]:
    """Return pip's settings from files and PIP_ variables, by option name; empty if there is no pip."""
    try:
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
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

    Return none if `environment` has an index variable of uv. `find-links` is used only with pip's `no-index`:
    otherwise such a folder is an addition for pip, and a torch wheel in it must not select torch's version.
    """
    if any(
        environment.get(name)
        for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX")
    ):
        return {}

    def items(option: str) -> list[str]:
        return settings.get(option, "").replace("\\n", " ").split()

    variables: dict[str, str] = {}
    if index := settings.get("index-url"):
        variables["UV_DEFAULT_INDEX"] = index
    if extra := items("extra-index-url"):
        variables["UV_INDEX"] = " ".join(extra)
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip: the best version of all indexes
    if settings.get("no-index") in ("1", "true", "yes", "on"):
        variables["UV_NO_INDEX"] = "1"
        variables["UV_FIND_LINKS"] = ",".join(items("find-links"))
    if hosts := items("trusted-host"):
        variables["UV_INSECURE_HOST"] = " ".join(hosts)
    if (cert := settings.get("cert")) and not environment.get("SSL_CERT_FILE"):
        variables["SSL_CERT_FILE"] = cert
    return variables


if __name__ == "__main__":
    for _name, _value in uv_environment(pip_settings(), os.environ).items():
        print(f"{_name}={_value}")
