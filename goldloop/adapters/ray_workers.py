"""Workers on Ray: processes on this machine, or on the machines of a cluster."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from goldloop.core.errors import GoldloopError, ServiceError, ServiceUnreachableError, SettingsError
from goldloop.core.server_words import in_one_line

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # blocks that a worker has, so that it finds the next one when it ends one
DEATHS = 3  # of workers over one block, after which the block is at fault
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # leaves the accelerators of workers as they are
    "RAY_DEDUP_LOGS": "0",
}
_OWN = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on every system: listen on loopback, not on all interfaces
    "RAY_AUTH_MODE": "token",
}
"""What Ray reads from the environment, when it is imported, for processes of this machine alone."""

_MEMORY = 128 << 20  # bytes for objects on their way; blocks and results are small


@dataclass(frozen=True, slots=True)
class RayWorkers(Generic[Item, Result]):
    """`n` workers on Ray; each makes its callable by `make` and keeps it. Satisfies `scoring.blocks.Workers`.

    Without `address` they are processes of this machine, reachable on loopback alone, that end with this one.
    """

    make: Callable[[], Callable[[Item], Result]]
    n: int
    address: str | None = None

    def results(self, blocks: Iterable[Item]) -> Iterator[Result]:
        """Yield the result of each block, in any order; a block whose worker died goes to its successor.

        Raises:
            SettingsError: Ray is not installed.
            ServiceUnreachableError: no cluster answers at the address.
            ServiceError: workers died again and again, over one block or at their start.
            GoldloopError: what a worker raised.
        """
        with _cluster(self.address, self.n) as ray:
            worker = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=DEATHS)(_Worker)
            n_cores = int(ray.cluster_resources().get("CPU", 0))
            if not n_cores:
                raise ServiceUnreachableError(f"the Ray cluster at {self.address} has no core for a worker")
            actors = [worker.remote(self.make) for _ in range(min(self.n, n_cores))]
            yield from self._spread(ray, actors, iter(blocks))

    def _spread(self, ray: Any, actors: list[Any], blocks: Iterator[Item]) -> Iterator[Result]:
        under_way: dict[Any, Any] = {}
        free = [actor for _ in range(AHEAD) for actor in actors]
        while True:
            while free and (block := next(blocks, None)) is not None:
                actor = free.pop(0)
                under_way[actor.score.remote(block)] = actor
            if not under_way:
                return
            for done in ray.wait(list(under_way))[0]:
                free.append(under_way.pop(done))
                with _translated(ray):
                    result = ray.get(done)
                yield result


class _Worker(Generic[Item, Result]):
    """Runs in a process of Ray's."""

    def __init__(self, make: Callable[[], Callable[[Item], Result]]) -> None:
        self._make = make
        self._score: Callable[[Item], Result] | None = None

    def score(self, block: Item) -> Result:
        """Score one block; what cannot be made fails here, where the error reaches the driver as it is."""
        if self._score is None:
            self._score = self._make()
        return self._score(block)


@contextmanager
def _cluster(address: str | None, n: int) -> Iterator[Any]:
    """Yield Ray, connected to a cluster, or with one of its own on loopback that ends with the block."""
    # without a token Ray makes one in the user's folder, which everybody can read
    own = {} if address else {**_OWN, "RAY_AUTH_TOKEN": _token()}
    with ExitStack() as stack:
        stack.enter_context(_environment({**ENVIRONMENT, **own}))
        ray, options = _imported(), dict[str, Any](address=address or "local")
        if not address:
            folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # a socket's path has at most 107 bytes
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            options |= {"num_cpus": n, "object_store_memory": _MEMORY, "_temp_dir": folder}
            options["include_dashboard"] = False
        stack.callback(ray.shutdown)
        try:
            ray.init(**options, log_to_driver=False, configure_logging=False)
        except (ConnectionError, ray.exceptions.RayError, RuntimeError, ValueError) as error:
            place = f"at {address}" if address else "on this machine"
            raise ServiceUnreachableError(
                f"Ray does not answer {place}: {in_one_line(str(error))}"
            ) from error
        yield ray


@cache
def _token() -> str:
    """Return the secret by which Ray's processes know each other; Ray keeps the first one of a process."""
    return secrets.token_hex(32)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            f"--engine ray needs Ray, which is not installed ({error}); run `pip install 'goldloop[ray]'` in "
            "goldloop's environment, or score without --engine"
        ) from error
    return ray


@contextmanager
def _translated(ray: Any) -> Iterator[None]:
    """Turn what Ray raises for a worker into what the worker raised, or into goldloop's error."""
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        cause = error.cause if isinstance(error.cause, Exception) else error
        if isinstance(cause, GoldloopError):
            raise cause from error
        raise ServiceError(f"a worker failed: {in_one_line(str(cause))}") from error
    except ray.exceptions.RayError as error:
        raise ServiceError(
            f"workers died, the last one with: {in_one_line(str(error))}. What they had committed stays; run "
            "the same command again, or without --engine to see what kills them"
        ) from error
