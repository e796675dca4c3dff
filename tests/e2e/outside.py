"""An environment without goldloop, and a registered model that MLflow serves in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

LONGEST_START_S = 240
PROGRAMS = {"mlflow": "mlflow.cli:cli", "uvicorn": "uvicorn.main:main"}


def environment_without_goldloop(folder: Path) -> Path:
    """Make an environment in `folder` that has all packages of this one but goldloop; return its programs.

    Python reads no .pth file of a folder that a .pth file names, and goldloop is installed through one.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    programs = folder / "bin"
    python = programs / "python"
    of_new = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    Path(of_new, "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name, place in PROGRAMS.items():
        module, function = place.split(":")
        file = programs / name
        file.write_text(f"#!{python}\nfrom {module} import {function}\n\n{function}()\n")
        file.chmod(0o755)
    return programs


def variables() -> dict[str, str]:
    """Return the environment variables but for those that would lead Python to goldloop."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def has_goldloop(programs: Path) -> bool:
    """Return whether the environment can import goldloop."""
    command = [str(programs / "python"), "-c", "import goldloop"]
    ended = subprocess.run(command, check=False, capture_output=True, cwd="/", env=variables())
    return ended.returncode == 0


@contextmanager
def served(programs: Path, model: str, tracking_uri: str, folder: Path) -> Iterator[str]:
    """Serve a model with the programs of an environment; yield the address, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["mlflow", "models", "serve", "-m", model, "--env-manager", "local", "--port", str(port)]
    changes = {"PATH": f"{programs}:{os.environ['PATH']}", "MLFLOW_TRACKING_URI": tracking_uri}
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(programs / command[0]), *command[1:]],
            env=variables() | changes,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `address` answers."""
    until = time.monotonic() + LONGEST_START_S
    while time.monotonic() < until:
        assert process.poll() is None, f"the server ended:\n{log.read_text()}"
        try:
            if httpx.get(address, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"the server does not answer:\n{log.read_text()}")
