"""Label files and other libraries for tests, each library in a process of its own: warnings stay there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from goldloop.formats.export import Format
from goldloop.formats.labelled import LabelledSample, RefusedRow
from goldloop.formats.read import read_labelled


def told_by(library: str, script: str, *arguments: Path) -> Any:
    """Return the JSON that `script` prints last, run with `arguments`; skip where there is no `library`."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed; it is one of the development packages")
    quiet = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(arguments[0].parent / "cache")}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)],
        env=os.environ | quiet,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def read_all(source: Path, form: Format) -> list[LabelledSample]:
    """Read everything, of which nothing is refused."""
    rows = list(read_labelled(source, form))
    assert [row for row in rows if isinstance(row, RefusedRow)] == []
    return [row for row in rows if isinstance(row, LabelledSample)]
