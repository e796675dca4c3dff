"""Start the servers of docker-compose.yml after those that they wait for, and end them all."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from scripts.topology.certificate import make_certificate
from scripts.topology.description import (
    HOST,
    PORTS,
    PUBLIC,
    Places,
    database_script,
    proxy_files,
    servers,
)
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
    drawn |= {"LABEL_STUDIO_USERNAME": "goldloop@example.com", "DOMAIN": HOST}
    drawn |= dict.fromkeys(("GOLDLOOP_WEBHOOK_URL", "GOLDLOOP_SMTP_PASSWORD"), "")
    return drawn | {"PREFECT_AUTH": f"goldloop:{drawn['PREFECT_AUTH']}"}


class Topology:
    """Running servers: `places` tells where they are, `servers` what they were started with."""

    def __init__(self, places: Places, say: Callable[[str], None] = print) -> None:
        self.places, self.servers, self._say = places, servers(places), say
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def url(self, name: str) -> str:
        """Return the address of a server itself, without nginx."""
        return f"http://127.0.0.1:{self.places.ports[name]}"

    def public_url(self, name: str) -> str:
        """Return the address of a name of the domain, where nginx listens."""
        return f"https://{HOST}:{self.places.public[name]}"

    def start(self, name: str) -> None:
        """Start one server and wait until it answers.

        Raises:
            TopologyError: it does not start; names its log.
        """
        server, folder, port = self.servers[name], self.places.folder, self.places.ports[name]
        is_new = not (folder / name).exists()
        if name == "proxy":
            (folder / name).mkdir(exist_ok=True)
            for file, text in proxy_files(self.places, folder / name).items():
                (folder / name / file).write_text(text)
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

    def start_together(self, names: Collection[str]) -> None:
        """Start several servers, each when those that it waits for answer, and wait until all answer."""
        left = dict.fromkeys(names)
        with ThreadPoolExecutor(len(left)) as pool:
            while left:
                wave = [name for name in left if not set(self.servers[name].waits_for) & set(left)]
                list(pool.map(self.start, wave))
                for name in wave:
                    del left[name]

    def kill(self, name: str) -> None:
        """Kill one server and its children, as a machine that loses its power does."""
        process = self.processes.pop(name)
        for one in process_tree(process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait(END_S)

    def end(self) -> None:
        """End all servers and their children, whose data are not needed any more."""
        for name in [name for name in self.processes if name != "postgres"]:
            self.kill(name)
        if "postgres" in self.processes:  # whose processes have groups of their own
            process = self.processes.pop("postgres")
            process.send_signal(signal.SIGQUIT)
            process.wait(END_S)


def process_tree(pid: int) -> list[psutil.Process]:
    """Return a process and those that it has started, first to last; none where it has ended.

    Flows of a worker and processes of PostgreSQL have groups of their own.
    """
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@contextmanager
def running(*, without: tuple[str, ...] = ()) -> Iterator[Topology]:
    """Yield the running servers; they end with the block, and their temporary folder goes."""
    folder = Path(tempfile.mkdtemp(prefix="goldloop-topology-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user where this one is root
    make_certificate(folder / "secrets", HOST)
    ports = free_ports([*PORTS, *(f"{name}." for name in PUBLIC)])
    public = {name: ports.pop(f"{name}.") for name in PUBLIC}
    topology = Topology(Places(folder, ports, public, new_secrets()))
    try:
        topology.start_together([name for name in topology.servers if name not in without])
        yield topology
    finally:
        topology.end()
        shutil.rmtree(folder, ignore_errors=True)
