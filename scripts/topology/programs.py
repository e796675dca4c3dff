"""The program of this machine that stands for each image of docker-compose.yml, and how it is made ready.

PostgreSQL and nginx come from Debian's packages of these names, Label Studio, Prefect and MLflow from PyPI.
For the object store stands `moto`, which answers S3's requests from memory: what MLflow, goldloop and
browsers ask for it answers as S3 does, but it keeps nothing over a restart and checks no signature.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from goldloop.services.servers import installation, server_environment
from scripts.topology.description import Server

MODULES = ("prefect", "mlflow")  # commands that are modules of this Python
START_S = 300.0
HEALTH = {
    "objects": "/moto-api/",
    "label-studio": "/health",
    "prefect": "/api/health",
    "mlflow": "/health",
    "proxy": "/healthz",
    "worker": "/health",
    "metrics": "/metrics",
}
_PATHS_OF_NGINX = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class TopologyError(RuntimeError):
    """A server of the topology cannot be started."""


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """Return a free port of the loopback for each name."""
    held = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: one.getsockname()[1] for name, one in held.items()}
    for one in held.values():
        one.close()
    return ports


def programs_of_postgresql() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        TopologyError: there is none.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    for folder in ([Path(on_path).parent] if on_path else []) + folders:
        if all((folder / name).is_file() for name in ("initdb", "pg_isready", "postgres", "psql")):
            return folder
    raise TopologyError("no PostgreSQL server on this machine; on Debian: apt-get install postgresql")


def program_of_nginx() -> str:
    """Return nginx's program.

    Raises:
        TopologyError: there is none.
    """
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise TopologyError("no nginx on this machine; on Debian: apt-get install nginx")
    return found


def prepared(server: Server, folder: Path, port: int) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    """Return command, environment and further options of the process of a server, after making it ready."""
    home = folder / server.name
    home.mkdir(parents=True, exist_ok=True)
    environment = server_environment() | dict(server.environment) | {"HOME": str(home)}
    if server.name == "postgres":
        return _postgresql(server, home, port)
    if server.name == "objects":
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        return command, environment, {}
    if server.name == "label-studio":
        data = home / "data"
        data.mkdir(exist_ok=True)
        program = installation(print) / "venv" / "bin" / "label-studio"
        environment |= {"LABEL_STUDIO_BASE_DATA_DIR": str(data)}
        command = [str(program), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
        return command, environment, {}
    if server.name == "proxy":
        (home / "nginx.conf").write_text(_main_configuration(home))
        return [program_of_nginx(), "-e", "stderr", "-c", str(home / "nginx.conf")], environment, {}
    command = list(server.command)
    if command[0] == "goldloop":
        command = [sys.executable, "-c", "from goldloop.cli.main import main; main()", *command[1:]]
    if command[0] in MODULES:
        command = [sys.executable, "-m", *command]
    return command, environment | {"PREFECT_HOME": str(home)}, {}


def _main_configuration(home: Path) -> str:
    """Return what nginx's image has around the configuration of docker-compose.yml."""
    user = [f"user {pwd.getpwuid(os.geteuid()).pw_name};"] if os.geteuid() == 0 else []
    paths = [f"  {name}_temp_path {home}/{name};" for name in _PATHS_OF_NGINX]
    lines = [
        *user,
        *("daemon off;", "worker_processes 2;", "error_log stderr;", f"pid {home}/nginx.pid;"),
        *("events {}", "http {", f"  access_log {home}/access.log;", *paths),
        *(f"  include {home}/goldloop.conf;", "}", ""),
    ]
    return "\n".join(lines)


def _postgresql(server: Server, home: Path, port: int) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    """Return how PostgreSQL starts in `home`, whose data are made with the password of the service."""
    programs, data, password = programs_of_postgresql(), home / "data", home / "password"
    password.write_text(server.environment["POSTGRES_PASSWORD"])
    user = user_of_postgresql(home)
    environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    if not data.exists():
        made = [programs / "initdb", "-D", data, "-E", "UTF8", "-U", "postgres", "-A", "scram-sha-256"]
        made += [f"--pwfile={password}", "--no-sync"]
        done = subprocess.run(
            made, check=False, capture_output=True, text=True, env=environment, cwd=home, **user
        )
        if done.returncode:
            raise TopologyError(f"PostgreSQL's initdb failed: {done.stderr}")
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [str(programs / "postgres"), "-D", str(data), *options], environment, {"cwd": home, **user}


def user_of_postgresql(folder: Path) -> dict[str, Any]:
    """Return the options of a process that may run PostgreSQL in `folder`; it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {one.pw_name: one for one in pwd.getpwall()}
    found = names.get("postgres") or names["nobody"]
    for path in (folder, *folder.iterdir()):
        os.chown(path, found.pw_uid, found.pw_gid)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def wait_until_healthy(server: Server, port: int, is_running: Callable[[], bool]) -> None:
    """Wait until a server answers.

    Raises:
        TopologyError: it has ended, or does not answer in START_S seconds.
    """
    deadline = time.monotonic() + START_S
    while not _answers(server.name, port):
        if not is_running():
            raise TopologyError(f"{server.name} has ended")
        if time.monotonic() > deadline:
            raise TopologyError(f"{server.name} does not answer on port {port} after {START_S:.0f} s")
        time.sleep(0.2)


def _answers(name: str, port: int) -> bool:
    if name == "postgres":
        ready = programs_of_postgresql() / "pg_isready"
        asked = [str(ready), "--host=127.0.0.1", f"--port={port}", "--username=postgres"]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{HEALTH[name]}", timeout=4) as reply:
            return bool(reply.status < 400)
    except HTTPError as error:
        return error.code == 401  # it asks Prometheus for a token
    except OSError:
        return False


def after_start(server: Server, script: str, port: int) -> None:
    """Do what the image does once its server runs: PostgreSQL's databases, the store's buckets.

    Raises:
        TopologyError: it failed.
    """
    if server.name == "postgres":
        path = os.pathsep.join([str(programs_of_postgresql()), os.environ["PATH"]])
        environment = dict(server.environment) | {"PATH": path, "POSTGRES_USER": "postgres"}
        environment |= {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGDATABASE": "postgres"}
        environment |= {"PGPASSWORD": server.environment["POSTGRES_PASSWORD"]}
        done = subprocess.run(
            ["bash", "-c", script], check=False, capture_output=True, text=True, env=environment
        )
        if done.returncode:
            raise TopologyError(f"the databases could not be made: {done.stderr}")
    if server.name == "objects":
        import boto3

        names = server.environment
        store = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        for bucket in names["S3_BUCKET"].split(","):
            store.create_bucket(Bucket=bucket)
