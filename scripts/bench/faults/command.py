"""goldloop commands, each a process of its own, forked from a server that has imported everything once.

A child runs the command line with its arguments, in a process group of its own, and ends as Python would:
SIGKILL, SIGSTOP and exit codes are those of a real process. Only the waits are shorter, see `SHORTER`.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from scripts.bench.faults.harm import PRELOADED, Harm, operations, plant
from scripts.bench.faults.points import set_constants

PATIENCE_S = 60.0  # a command that needs so much more than undisturbed is stuck: every wait is a few seconds
REQUEST_S = 4  # in earnest 30 to 60 s
SHORTER: Mapping[str, Any] = {
    "goldloop.adapters.label_studio.client:TIMEOUT_S": float(REQUEST_S),
    "goldloop.labeling.context:LEASE_S": 3.0,
    # so few samples make several imports, pages and commits, to be interrupted in the middle
    "goldloop.labeling.context:IMPORT_SIZE": 5,
    "goldloop.adapters.label_studio.changes:CHANGED_TASKS": 5,
    "goldloop.scoring.writer:COMMIT_EVERY": 8,
    "goldloop.scoring.writer:COMMIT_AFTER_S": 0.0,
}
_ENVIRONMENT = {
    "PREFECT_API_REQUEST_TIMEOUT": str(REQUEST_S),
    "PREFECT_CLIENT_MAX_RETRIES": "2",
    "OMP_NUM_THREADS": "1",  # other stacks and servers want the other cores
}
_IMPORTED = (
    *("goldloop.cli.main", "flows.routine", "models.image.trainer", "torch", "torchvision", "mlflow"),
    *("goldloop.adapters.mlflow_registry", "goldloop.adapters.mlflow_runs", "deltalake", "matplotlib.pyplot"),
    *("goldloop.adapters.label_studio", "goldloop.reports.round_page", "goldloop.reports.rounds"),
    *("mlflow.pyfunc", "mlflow.pytorch", "torch.export", "git", "graphviz", "joblib", "cryptography"),
    *("matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "goldloop.modalities.image"),
    *("goldloop.modalities.image.modality", "anyio._backends._asyncio", "torch._dynamo"),
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit code (-9: killed; None: stuck), what it printed, and how it went."""

    code: int | None
    out: str
    err: str
    took_s: float
    n_operations: int


@dataclass
class Running:
    """A command under way."""

    process: BaseProcess
    folder: Path
    patience_s: float
    started: float = field(default_factory=time.monotonic)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command and its children, if it is there still."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid or 0, number)

    def end(self) -> Ended:
        """Wait for it, with patience, and return how it ended; one that is stuck is killed."""
        self.process.join(max(0.0, self.started + self.patience_s - time.monotonic()))
        has_ended = not self.process.is_alive()
        took_s = time.monotonic() - self.started
        if not has_ended:
            self.signal(signal.SIGKILL)
            self.process.join()
        out, err = ((self.folder / name).read_text(errors="replace") for name in ("out", "err"))
        counted = self.folder / "operations"
        n_operations = int(counted.read_text()) if counted.exists() else 0
        return Ended(self.process.exitcode if has_ended else None, out, err, took_s, n_operations)


class Commands:
    """Runs commands in the workspace `root`, with `environment`; `library` is what does harm, if any."""

    def __init__(
        self, root: Path, scratch: Path, environment: Mapping[str, str], library: Path | None
    ) -> None:
        self.root, self.scratch, self.library = root, scratch, library
        self._environment = {**environment, **_ENVIRONMENT, "GOLDLOOP_WORKSPACE": str(root)}
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__, *_IMPORTED])
        self.slowest_s = 60.0  # of the commands undisturbed; before they are known, a busy machine's
        self._number = 0

    def start(self, *arguments: str, harm: Harm | None = None) -> Running:
        """Start `goldloop ARGUMENTS`."""
        self._number += 1
        folder = self.scratch / f"{self._number}-{arguments[0]}"
        folder.mkdir(parents=True)
        process = self._context.Process(
            target=_goldloop, args=(arguments, str(self.root), str(folder), harm or Harm())
        )
        with _set_environment(self._of_fork_server()):  # read once, by the server that forks
            process.start()
        return Running(process, folder, PATIENCE_S + 2 * self.slowest_s)

    def run(self, *arguments: str, harm: Harm | None = None) -> Ended:
        """Run `goldloop ARGUMENTS` to its end."""
        return self.start(*arguments, harm=harm).end()

    def _of_fork_server(self) -> dict[str, str]:
        preloaded = {"LD_PRELOAD": str(self.library), PRELOADED: str(self.library)} if self.library else {}
        return self._environment | preloaded


@contextlib.contextmanager
def _set_environment(values: Mapping[str, str]) -> Any:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _goldloop(arguments: tuple[str, ...], root: str, folder: str, harm: Harm) -> None:
    """Be the process of `goldloop ARGUMENTS`."""
    os.setpgid(0, 0)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(folder, name), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), descriptor)
    os.environ.pop("LD_PRELOAD", None)
    os.chdir(root)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["goldloop", *arguments]
    _shorten_waits()
    plant(harm, Path(root))
    from goldloop.cli.main import main

    try:
        main()
    except Exception:  # as Python does, at the end of a program
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
    finally:
        Path(folder, "operations").write_text(str(operations()))  # the end may not wait for what comes
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def _shorten_waits() -> None:
    set_constants(SHORTER)
    import_module("goldloop.adapters.mlflow_connection").ENVIRONMENT.update(
        MLFLOW_HTTP_REQUEST_TIMEOUT=str(REQUEST_S)
    )
