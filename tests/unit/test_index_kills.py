"""SIGKILL between the commits of a pass and those of the index: nothing is scored twice, or missed."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from goldloop.core.samples import UNREADABLE, Arrived, BatchId
from goldloop.routing.policies import Band
from goldloop.scoring.score import score_pool, score_source
from goldloop.scoring.writer import Model, ScoreReport
from goldloop.settings.workspace import Workspace
from goldloop.tables.arrival_index import FILES, SAMPLES, catch_up, file_key, sample_key
from goldloop.tables.counts import conservation
from goldloop.wiring import Wiring
from tests.e2e.interrupted import Interruption
from tests.texts import write_rows

N, N_TWINS = 400, 40
INDEX = "goldloop.adapters.sqlite_index:SqliteIndex.put"
ARRIVALS, PREDICTIONS = (f"goldloop.adapters.delta:Table.{name}" for name in ("append_once", "append"))
SMALL = {
    "goldloop.scoring.writer:COMMIT_EVERY": 50,
    "goldloop.scoring.writer:COMMIT_AFTER_S": 0.0,
    "goldloop.scoring.writer:COMMIT_SHARE": 0.0,
    "goldloop.tables.arrival_index:MOST_RECENT": 120,
    "goldloop.modalities.rows.reader:_KEPT_AT_ONCE": 50,
    "goldloop.modalities.rows.first_rows:MOST_IN_MEMORY": 64,
}
KILLS = [(INDEX, call, moment) for call in (1, 2, 3) for moment in ("before", "after")]
KILLS += [(table, call, "after") for table in (ARRIVALS, PREDICTIONS) for call in (1, 3)]


def scored(root: Path) -> ScoreReport:
    """Score the rows in `root` without a model, as `goldloop score` does, and then what was left."""
    wiring = Wiring(Workspace.open(root))
    policy, model, clock = Band(0.4, 0.7), Model(), wiring.ports.clock
    reader, tables = wiring.modality.reader, wiring.tables
    source = str(root / "posts.csv")
    report = score_source(source, reader=reader, model=model, policy=policy, tables=tables, clock=clock)
    score_pool(reader=reader, model=model, policy=policy, tables=tables, clock=clock)
    return report


def killed(root: Path, plan: Interruption) -> int:
    """Run `scored` in a process of its own with `plan`, and return how it ended."""
    script = (
        "import json, sys; from pathlib import Path; from tests.e2e.interrupted import *; "
        "prepare(Interruption(**json.loads(sys.argv[2]))); "
        "from tests.unit.test_index_kills import scored; scored(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", script, str(root), json.dumps(asdict(plan))]
    return subprocess.run(command, check=False, start_new_session=True).returncode


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace of texts with a file of rows: some are equal, and some ids come twice."""
    root = Workspace.create(tmp_path / "posts", labels=["fine", "spam"], kind="text").root
    rows = [(f"{number}", f"text {number}") for number in range(N)]
    twins = [(f"twin {number}", f"text {number * 7 % N}") for number in range(N_TWINS)]
    write_rows(root / "posts.csv", [*rows, *twins, ("3", "text 3"), ("5", "other content")])
    return root


def digests_of(file: Path, name: str) -> set[bytes]:
    """Return a set of the index."""
    with sqlite3.connect(file) as connection:
        found = {
            one
            for (one,) in connection.execute(
                f"SELECT digest FROM set_{name} UNION ALL SELECT digest FROM recent_{name}"
            )
        }
    connection.close()
    return found


@pytest.mark.parametrize(("point", "call", "moment"), KILLS)
def test_a_killed_pass_is_resumed_exactly(root: Path, point: str, call: int, moment: str) -> None:
    """Whether table or index had the last commit: each row has one row, and the index says what they say."""
    plan = Interruption(point, call, moment=moment, constants=SMALL)

    assert killed(root, plan) == -signal.SIGKILL
    scored(root)
    again = scored(root)

    tables = Wiring(Workspace.open(root)).tables
    where = conservation(tables)
    assert where.is_conserved
    assert (where.n_files, where.duplicate, where.quarantine) == (N + N_TWINS + 1, N_TWINS, 1)
    assert (again.n_files, again.n_known) == (0, N + N_TWINS + 1)
    rows = tables.samples.read().to_pylist()
    assert max(Counter(row["uri"] + row["stamp"] for row in rows).values()) == 1
    predicted = tables.predictions.read(["sample_id"])["sample_id"].to_pylist()
    assert (len(predicted), len(set(predicted))) == (N, N)
    catch_up(tables)
    good = {sample_key(row["sample_id"]) for row in rows if row["arrived"] == Arrived.SAMPLE}
    opened = [row for row in rows if row["reason"] != UNREADABLE]
    files = {file_key(BatchId(row["batch"]), row["uri"], row["stamp"]) for row in opened}
    assert digests_of(root / "index" / "samples.sqlite", SAMPLES) == good
    assert digests_of(root / "index" / "samples.sqlite", FILES) == files
