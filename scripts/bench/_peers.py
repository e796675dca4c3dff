"""Runs other people's tools on arrays, in environments of their own: none of them is a dependency."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def run_peers(script: Path, arrays: Mapping[str, npt.ArrayLike]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that `script IN.npz OUT.npz` makes of `arrays`; its own header names what it needs.

    The header is inline script metadata: uv reads it, builds the environment the first time and keeps it.
    """
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        given, answer = Path(folder) / "given.npz", Path(folder) / "answer.npz"
        np.savez(given, **{name: np.asarray(values) for name, values in arrays.items()})
        command = [sys.executable, "-m", "uv", "run", "--quiet", "--script", str(script)]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run([*command, str(given), str(answer)], check=True, env=environment)
        with np.load(answer) as read:
            return {name: read[name] for name in read.files}
