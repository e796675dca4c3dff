"""Harm at the n-th file operation of a command: a full disk, SIGKILL, SIGSTOP or a step of the clock.

A small C library, compiled here and preloaded, so that the Rust writer of the tables is reached as well.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

PRELOADED = "GOLDLOOP_BENCH_HARM"


class Deed(IntEnum):
    """What happens at the operation; `FULL` lasts from there on."""

    NOTHING = 0
    FULL = 1
    DIE = 2
    STOP = 3
    CLOCK = 4


@dataclass(frozen=True, slots=True)
class Harm:
    """A deed at the `operation`-th write below the workspace; `step_s` is by how much a clock moves."""

    deed: Deed = Deed.NOTHING
    operation: int = 1
    step_s: int = 0


def compiled(folder: Path) -> Path | None:
    """Return the library, compiled into `folder`; None on a machine without a C compiler or without Linux."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    library = folder / "harm.so"
    if compiler is None or not Path("/proc/self/fd").is_dir():
        return None
    source = Path(__file__).with_name("harm.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return library if done.returncode == 0 else None


def plant(harm: Harm, below: Path) -> None:
    """Arm `harm` in this process, if the library is loaded here."""
    library = os.environ.get(PRELOADED)
    if library:
        ctypes.CDLL(library).harm_plant(
            os.fsencode(below), ctypes.c_long(harm.operation), int(harm.deed), ctypes.c_long(harm.step_s)
        )


def operations() -> int:
    """Return how many operations this process has counted."""
    library = os.environ.get(PRELOADED)
    return int(ctypes.CDLL(library).harm_operations()) if library else 0
