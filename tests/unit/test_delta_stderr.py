"""A disk that fills under deltalake: one sentence, and no Rust stack on the error output."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake.exceptions import DeltaError

from goldloop.adapters.delta_log import TableFiles
from goldloop.core.errors import StorageError
from scripts.bench.faults.harm import PRELOADED, compiled

STACK = b"thread 'tokio-rt-worker' panicked at src/lib.rs:3\n"
PROGRAM = """
import sys
from pathlib import Path
import pyarrow as pa
from goldloop.adapters.delta import Table
from goldloop.core.errors import StorageError
from scripts.bench.faults.harm import Deed, Harm, operations, plant

below = Path(sys.argv[1])
table = Table(below, "task_events", pa.schema([("a", pa.int64())]))
operation, told = 1, []
while True:
    plant(Harm(Deed.FULL, operation), below)
    try:
        table.append(pa.table({"a": [1] * 100}))
    except StorageError as error:
        told.append("ENOSPC" in str(error))
    if operations() < operation:
        break
    operation += 1
print(all(told), len(told) > 3)
"""


def test_no_stack_of_rust_wherever_the_disk_fills(tmp_path: Path) -> None:
    """At each file operation of an append."""
    library = compiled(tmp_path)
    if library is None:
        pytest.skip("needs a C compiler")

    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "tables")],
        env={**os.environ, "LD_PRELOAD": str(library), PRELOADED: str(library)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.split() == ["True", "True"]
    assert not ran.stderr


def test_what_was_printed_is_shown_unless_the_disk_is_the_cause(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Warnings of a write that succeeds, and the stack of another failure, are somebody's clue."""
    files = TableFiles("samples", tmp_path)

    def write(said: bytes, error: Exception | None = None) -> None:
        with files.errors("write"):
            os.write(2, said)
            if error is not None:
                raise error

    write(b"a warning\n")
    with pytest.raises(StorageError, match="a bug"):
        write(STACK, DeltaError("a bug"))
    assert capfd.readouterr().err == "a warning\n" + STACK.decode()

    with pytest.raises(StorageError, match="the disk is full"):
        write(STACK, OSError(errno.ENOSPC, "No space left on device"))
    assert capfd.readouterr().err == ""
