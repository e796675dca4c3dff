"""What docker-compose.yml says of each server, with the places of this machine in place of its networks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
PORTS = {
    "postgres": 5432,
    "objects": 8333,
    "label-studio": 8080,
    "prefect": 4200,
    "mlflow": 5000,
    "proxy": 8081,
    "worker": 8080,
    "metrics": 9477,
}
"""The port on which each service listens in its container; nginx there only says that it is well."""

PUBLIC = {"labels": "label-studio", "prefect": "prefect", "mlflow": "mlflow", "objects": "objects"}
"""The service behind each name of the domain. All names have port 443 of nginx; here each has a port."""

HOST = "localhost"
"""What stands here for each name of the domain: no other name leads to every machine itself."""

_FOLDERS = {
    "/app": str(ROOT),
    "/run/secrets": "secrets",
    "/var/lib/prefect": "prefect",
    "/workspace": "workspace",
}
"""Where a folder of a container lies: an absolute path, or one in the folder of `Places`."""

_NAME = re.compile(r"\b([a-z]+)\.\$\{DOMAIN[^}]*\}")
_LISTEN = re.compile(r"listen 443 ssl;(\s*)server_name ([a-z]+)\.\$\{DOMAIN[^}]*\};")
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)[^}]*\}")


@dataclass(frozen=True, slots=True)
class Server:
    """One service: its command and environment as a process has them, and what it waits for."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    waits_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a process finds what Compose gives a container: `ports` by service, and one folder for all paths.

    `public` are the ports of nginx by name of the domain, `secrets` the values of .env.
    """

    folder: Path
    ports: Mapping[str, int]
    public: Mapping[str, int]
    secrets: Mapping[str, str]

    def here(self, service: str, name: str, value: str) -> str:
        """Return a value of a service's command or environment as it is on this machine.

        Raises:
            KeyError: a variable that .env does not have.
        """
        value = _NAME.sub(lambda found: f"{HOST}:{self.public[found[1]]}", value)
        value = _VARIABLE.sub(lambda found: self.secrets[found[1]], value).replace("$$", "$")
        value = value.replace("0.0.0.0", "127.0.0.1")
        for other, port in PORTS.items():
            value = re.sub(rf"\b{other}:{port}\b", f"127.0.0.1:{self.ports[other]}", value)
            if value == other and name.endswith("_HOST"):
                return "127.0.0.1"
        value = value.replace(f"127.0.0.1:{PORTS[service]}", f"127.0.0.1:{self.ports[service]}")
        if name == "POSTGRE_PORT":
            return str(self.ports["postgres"])
        if value == str(PORTS[service]):
            return str(self.ports[service])
        for inside, outside in _FOLDERS.items():
            if value == inside or value.startswith(f"{inside}/"):
                return str(self.folder / outside) + value.removeprefix(inside)
        return value


def read_compose() -> dict[str, Any]:
    """Return docker-compose.yml."""
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


def servers(places: Places) -> dict[str, Server]:
    """Return the services of docker-compose.yml, by name, as processes of this machine."""
    found = {}
    for name, service in read_compose()["services"].items():
        given = service.get("command", [])
        words = shlex.split(given) if isinstance(given, str) else given
        found[name] = Server(
            name,
            tuple(places.here(name, "", word) for word in words),
            {key: places.here(name, key, value) for key, value in service.get("environment", {}).items()},
            tuple(service.get("depends_on", ())),
        )
    return found


def database_script(places: Places) -> str:
    """Return the script that makes the databases when PostgreSQL starts for the first time."""
    return places.here("postgres", "", read_compose()["configs"]["databases"]["content"])


def proxy_files(places: Places, home: Path) -> dict[str, str]:
    """Return the files of nginx's configuration by name, as they are where its folder is `home`."""
    configs = read_compose()["configs"]
    listens = _LISTEN.sub(
        lambda found: f"listen 127.0.0.1:{places.public[found[2]]} ssl;{found[1]}server_name {HOST};",
        configs["proxy"]["content"],
    ).replace(f"listen {PORTS['proxy']};", f"listen 127.0.0.1:{places.ports['proxy']};")
    here = places.here("proxy", "", listens)
    here = here.replace("/run/secrets", str(places.folder / "secrets")).replace("/etc/nginx", str(home))
    logins = places.here("proxy", "", configs["mlflow-logins"]["content"])
    return {"goldloop.conf": here, "mlflow-logins": logins}
