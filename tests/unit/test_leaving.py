"""The end of a command whose Prefect server does not answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys, threading, time
from types import SimpleNamespace
from goldloop.cli import leaving
from goldloop.cli.main import main
from prefect.logging.handlers import APILogWorker

async def fail(*_, **__):
    raise OSError("nobody answers")

leaving.LAST_S = 0.2
threading._register_atexit(time.sleep, 3600)
sys.argv = ["goldloop", *sys.argv[1:]]
try:
    main()
finally:
    asyncio.run(APILogWorker._handle_batch(SimpleNamespace(_client=SimpleNamespace(request=fail)), [b"{}"]))
"""


def test_a_command_ends_though_prefects_client_still_waits_and_prints_nothing_of_it(tmp_path: Path) -> None:
    """Prefect waits for its events at the end, and prints what it could not send, unless goldloop minds."""
    ran = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        for arguments in (["--version"], ["status", "--workspace", str(tmp_path)])
    ]
    assert [done.returncode for done in ran] == [0, 1]
    assert ran[0].stdout.startswith("goldloop ")
    assert not ran[0].stderr
    assert ran[1].stderr.startswith("error: ")
    assert "Error logging to API" not in ran[1].stderr
