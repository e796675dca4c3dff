"""Start the servers of docker-compose.yml in the order of their dependencies, and end them in reverse."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.topology.description import Places, Server, database_script, servers
from scripts.topology.programs import (
    TopologyError,
    after_start,
    free_ports,
    prepared,
    wait_until_healthy,
)

END_S = 30.0


def new_secrets() -> dict[str, str]:
    """Return values for .env.example: passwords drawn by chance."""
    example = Path(__file__).resolve().parents[2] / ".env.example"
    names = [line.partition("=")[0] for line in example.read_text().splitlines() if line[:1].isupper()]
    drawn = {name: secrets.token_hex(20) for name in names}
    drawn["LABEL_STUDIO_USERNAME"] = "goldloop@example.com"
    return drawn | {"PREFECT_AUTH": f"goldloop:{drawn['PREFECT_AUTH']}"}


class Topology:
    """Running servers: `places` tells where they are, `servers` what they were started with."""

    def __init__(self, places: Places, say: Callable[[str], None] = print) -> None:
        self.places, self.servers, self._say = places, servers(places), say
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def url(self, name: str) -> str:
        """Return the address of a server."""
        return f"http://127.0.0.1:{self.places.ports[name]}"

    def start(self, name: str) -> None:
        """Start one server and wait until it answers.

        Raises:
            TopologyError: it does not start; names its log.
        """
        server, folder, port = self.servers[name], self.places.folder, self.places.ports[name]
        is_new = not (folder / name).exists()
        command, environment, options = prepared(server, folder, port)
        log = folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **({"cwd": folder / name} | options),
            )
        self.processes[name] = process
        try:
            wait_until_healthy(server, port, lambda: process.poll() is None)
            if is_new or name == "objects":  # which keeps nothing
                after_start(server, database_script(self.places), port)
        except TopologyError as error:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise TopologyError(f"{error}; the end of {log}:\n{tail}") from error
        self._say(f"{name} answers on port {port}")

    def kill(self, name: str) -> None:
        """Kill one server and its children, as a machine that loses its power does."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(END_S)

    def end(self, name: str) -> None:
        """End one server and its children."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_S)


def in_order(found: Mapping[str, Server]) -> list[str]:
    """Return the names of servers, each after those that it waits for."""
    order: list[str] = []

    def add(name: str) -> None:
        for before in found[name].waits_for:
            add(before)
        if name not in order:
            order.append(name)

    for name in found:
        add(name)
    return order


@contextmanager
def running(*, without: tuple[str, ...] = ()) -> Iterator[Topology]:
    """Yield the running servers; they end with the block, and their temporary folder goes."""
    folder = Path(tempfile.mkdtemp(prefix="goldloop-topology-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user where this one is root
    topology = Topology(Places(folder, free_ports(), new_secrets()))
    try:
        for name in in_order(topology.servers):
            if name not in without:
                topology.start(name)
        yield topology
    finally:
        for name in reversed(list(topology.processes)):
            topology.end(name)
        shutil.rmtree(folder, ignore_errors=True)
