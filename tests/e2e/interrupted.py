"""Runs one goldloop command up to a point in its code, and there lets it, or a server, come to harm.

    python -m tests.e2e.interrupted PLAN score FOLDER

`PLAN` is JSON (see `Interruption`); the rest is what `goldloop` is given. Nothing else differs from the real
command, and it runs in a process of its own, so a kill is a kill.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from scripts.bench.faults.points import found, set_constants


@dataclass(frozen=True)
class Interruption:
    """What happens at the n-th `call` of the function at `point`, "module:name".

    `moment` is before or after the call. For httpx:HTTPTransport.handle_request it may also be "sent": the
    request has left, its answer is never read; there, calls are those whose address ends in `path`.

    `deed` is "die" (SIGKILL to this whole process group), "kill" or "stop" (SIGKILL or SIGSTOP to `pids`), or
    "meet" (wait until `n_met` processes have come here; each leaves a file in the folder `place`).

    `constants` are module constants by "module:NAME", such as smaller batches to interrupt in the middle.
    """

    point: str = ""
    call: int = 1
    moment: str = "before"
    deed: str = "die"
    path: str = ""
    pids: tuple[int, ...] = ()
    place: str = ""
    n_met: int = 2
    constants: dict[str, Any] = field(default_factory=dict)


def prepare(plan: Interruption) -> None:
    """Put `plan` into the code before any of it runs."""
    set_constants(plan.constants)
    if plan.point:
        owner, name = found(plan.point)
        setattr(owner, name, interrupted(getattr(owner, name), plan))


def interrupted(real: Callable[..., Any], plan: Interruption) -> Callable[..., Any]:
    """Return `real` with the deed at its n-th call."""
    calls, counting = count(1), Lock()

    @functools.wraps(real)
    def instead(*args: Any, **kwargs: Any) -> Any:
        if plan.path and not args[1].url.path.endswith(plan.path):
            return real(*args, **kwargs)
        with counting:
            is_now = next(calls) == plan.call
        if is_now and plan.moment == "sent":
            send(args[1])
        if is_now and plan.moment != "after":
            do(plan)
        result = real(*args, **kwargs)
        if is_now and plan.moment == "after":
            do(plan)
        return result

    return instead


def send(request: Any) -> None:
    """Send the httpx request and hang up, as a process does that dies while it waits for the answer."""
    lines = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1".encode()]
    lines += [name + b": " + value for name, value in request.headers.raw]
    with socket.create_connection((request.url.host, request.url.port)) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + request.read())


def do(plan: Interruption) -> None:
    """Do the deed."""
    if plan.deed == "die":
        os.killpg(os.getpgrp(), signal.SIGKILL)
    elif plan.deed in {"kill", "stop"}:
        for pid in plan.pids:
            os.kill(pid, signal.SIGKILL if plan.deed == "kill" else signal.SIGSTOP)
    elif plan.deed == "meet":
        Path(plan.place, str(os.getpid())).touch()
        while len(list(Path(plan.place).iterdir())) < plan.n_met:
            time.sleep(0.01)
    else:
        raise ValueError(f"no deed {plan.deed!r}")


def main() -> None:
    """Run the command of the command line with the plan in front of it."""
    values = json.loads(sys.argv.pop(1))
    prepare(Interruption(**{**values, "pids": tuple(values.get("pids", ()))}))
    from goldloop.cli.main import main as goldloop

    goldloop()


if __name__ == "__main__":
    main()
