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

from scripts.bench.common import say

PACKAGES = {
    "thresholds": ["mapie==1.6.0"],
    "means": ["ppi-python==0.2.3"],
    "aggregated": ["cleanlab==2.9.0", "crowd-kit==1.4.1", "pandas>=2"],
    "label_errors": ["cleanlab==2.9.0"],
}
"""What each function of peer_tools.py needs."""


def run_peers(function: str, arrays: Mapping[str, npt.ArrayLike]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that `function` of peer_tools.py makes of `arrays`.

    uv builds the environment the first time and keeps it.
    """
    packages = PACKAGES[function]
    say(f"  running {', '.join(packages)} in an environment of its own")
    with tempfile.TemporaryDirectory(prefix="goldloop-bench-") as folder:
        given, answer = Path(folder) / "given.npz", Path(folder) / "answer.npz"
        named: dict[str, Any] = {name: np.asarray(values) for name, values in arrays.items()}
        np.savez(given, **named)
        with_packages = [word for package in packages for word in ("--with", package)]
        command = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--python", sys.executable]
        script = [str(Path(__file__).with_name("peer_tools.py")), function, str(given), str(answer)]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        subprocess.run([*command, *with_packages, "python", *script], check=True, env=environment)
        with np.load(answer) as read:
            return {name: read[name] for name in read.files}
