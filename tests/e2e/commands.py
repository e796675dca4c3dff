"""The goldloop command line in one workspace, each command a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goldloop.adapters.label_studio import LabelStudioQueue, ensure_projects
from goldloop.adapters.label_studio.task_keys import TaskKeys
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_source
from goldloop.scoring.writer import Model
from goldloop.services import Endpoints
from goldloop.settings import ALONE
from goldloop.settings.sealing_key import sealing_key
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring
from tests.e2e.interrupted import Interruption
from tests.e2e.person import KEYS

LONGEST_COMMAND_S = 300  # a command that hangs fails its test rather than the whole run
TINY: dict[str, Any] = {"model": {"preset": "tiny"}}  # these tests are not about the choice of a preset
_CHECKOUT = Path(__file__).parents[2]
_REAL = (sys.executable, "-c", "from goldloop.cli.main import main; main()")
_INTERRUPTED = (sys.executable, "-m", "tests.e2e.interrupted")


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (-9: killed) and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Loop:
    """One workspace and the servers its commands use."""

    root: Path
    servers: Endpoints

    @classmethod
    def create(cls, root: Path, servers: Endpoints, **settings: Any) -> Loop:
        """Return a new workspace that uses servers which run already; its name must be new to them.

        Where `settings` say nothing else, one person's word is enough.
        """
        urls = {"label_studio_url": servers.label_studio.url, "prefect_url": servers.prefect.url}
        Workspace.create(
            root, services={**urls, "mlflow_url": servers.mlflow.url}, **(TINY | ALONE | settings)
        )
        return cls(root, servers)

    def start(
        self,
        *arguments: str,
        plan: Interruption | None = None,
        is_fed: bool = False,
        home: Path | None = None,
    ) -> subprocess.Popen[str]:
        """Start a command, as a user would or with `plan`, in a process group of its own.

        With `home` it works as another machine of the same workspace does: its own home and temporary files.
        """
        command = [*_REAL] if plan is None else [*_INTERRUPTED, json.dumps(asdict(plan))]
        paths = [str(_CHECKOUT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]  # where `tests` lies
        search = {} if plan is None else {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        return subprocess.Popen(
            [*command, *arguments],
            env={**os.environ, **search, **_of_machine(home), "GOLDLOOP_WORKSPACE": str(self.root)},
            cwd=home or self.root,
            stdin=subprocess.PIPE if is_fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self, *arguments: str, plan: Interruption | None = None, code: int = 0, fed: str | None = None
    ) -> Ended:
        """Run a command to its end, `fed` on its standard input, and check its exit code."""
        ended = finish(self.start(*arguments, plan=plan, is_fed=fed is not None), fed)
        assert ended.code == code, (
            f"goldloop {' '.join(arguments)} ended with {ended.code}:\n{ended.out}\n{ended.err}"
        )
        return ended

    def json(self, *arguments: str) -> Any:
        """Run a command with --json and return what it printed."""
        return self.run(*arguments, "--json").json

    @property
    def parts(self) -> Wiring:
        """The workspace from inside; its tables need no server."""
        return Wiring(Workspace.open(self.root))

    @property
    def handle(self) -> str:
        """The name of the workspace's models and deployments on its servers."""
        return self.parts.workspace.identity.handle

    def score_without_model(self, source: Path) -> None:
        """Score `source` in this process, where scoring is not what a test is about."""
        parts = self.parts
        score_source(
            str(source),
            reader=parts.modality.reader,
            model=Model(),
            policy=Band(0.4, 0.7),
            tables=parts.tables,
            clock=lambda: datetime.now(UTC),
        )

    def queue(self) -> LabelStudioQueue:
        """Return the workspace's projects on the real server."""
        server, workspace = self.servers.label_studio, Workspace.open(self.root)
        settings = workspace.settings
        projects = ensure_projects(
            server.url,
            server.token,
            name=settings.name,
            labels=settings.label_set,
            kind=settings.kind,
            questions=workspace.questions(),
            images_root=None,
            identity=workspace.identity,
        )
        secret = sealing_key(self.root)
        KEYS.append(TaskKeys(secret))
        return LabelStudioQueue(server.url, server.token, projects, settings.label_set, secret=secret)

    def doubled(self) -> list[str]:
        """Return the keys that more than one task on the server carries."""
        return [key for key, n in Counter(self.queue().all_tasks().values()).items() if n > 1]


def _of_machine(home: Path | None) -> dict[str, str]:
    if home is None:
        return {}
    for folder in (home, home / "tmp"):
        folder.mkdir(exist_ok=True)
    return {"HOME": str(home), "TMPDIR": str(home / "tmp"), "XDG_CACHE_HOME": str(home / "cache")}


def finish(process: subprocess.Popen[str], fed: str | None = None) -> Ended:
    """Wait for a started command, which reads `fed`."""
    try:
        out, err = process.communicate(fed, timeout=LONGEST_COMMAND_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"hung for {LONGEST_COMMAND_S} s: {process.args}\n{out}\n{err}") from None
    return Ended(process.returncode, out, err)


def until(is_so: Callable[[], Any], process: subprocess.Popen[Any]) -> Any:
    """Return what `is_so` returns once it is true, while `process` is alive."""
    deadline = time.monotonic() + LONGEST_COMMAND_S
    while not (found := is_so()):
        assert process.poll() is None, f"it ended: {finish(process)}"
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.2)
    return found
