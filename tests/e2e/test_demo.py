"""The demo of each kind of samples: the README's first command, from nothing to its last page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from goldloop.settings.workspace import Workspace
from tests.e2e.embedded_servers import pids

pytestmark = pytest.mark.servers

_CHECKOUT = Path(__file__).parents[2]
LONGEST_S = 900  # a demo that hangs fails its test rather than the whole run
SAID = {
    "image": "accepted",
    "text": "moderation: the models on the test",
    "records": "decisions on the 1,680 payments after those of the loop",
}


@pytest.mark.parametrize("kind", sorted(SAID))
def test_the_demo_ends_with_what_it_promises(tmp_path: Path, kind: str) -> None:
    """A small round of each kind: a promoted model, the tables, the pages and no server that is left."""
    root, told = tmp_path / "demo", tmp_path / "demo.json"
    words = ["--kind", kind, "--workspace", str(root), "--rounds", "1", "--budget", "90", "--json", str(told)]
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.demo_loop.run", *words],
        cwd=_CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(_CHECKOUT), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    said = ended.stdout + ended.stderr

    assert ended.returncode == 0, said
    assert "model 1 promoted" in said
    assert SAID[kind] in said
    figures = json.loads(told.read_text(encoding="utf-8"))
    assert len(figures["rounds"]) == 1
    assert bool(figures["decisions"]) is (kind == "records")
    assert bool(figures["moderation"]) is (kind == "text")
    pages = sorted(path.name for path in (root / "reports").rglob("*.html"))
    assert len(pages) >= (2 if kind == "records" else 1), pages
    assert any("demo" in name for name in pages)
    assert any("quarter" in name for name in pages) is (kind == "records")
    assert not any(_is_alive(pid) for pid in pids(Workspace.open(root)).values() if pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
