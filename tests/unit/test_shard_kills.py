"""Two processes score shards of one source, one is killed: a second run completes it and doubles nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from goldloop.core.samples import Arrived
from goldloop.routing.policies import Band
from goldloop.scoring.passes import Scoring
from goldloop.scoring.score import score_pool
from goldloop.scoring.shards import Shard, score_shard
from goldloop.scoring.writer import Model, ScoreReport
from goldloop.settings.workspace import Workspace
from goldloop.tables.batches import read_seen
from goldloop.tables.counts import conservation
from goldloop.wiring import Wiring
from tests.e2e.interrupted import Interruption
from tests.memory_texts import LABELS, LengthScorer
from tests.texts import write_rows

N, N_TWINS = 300, 60
COMMIT = "goldloop.adapters.delta:Table.append_once"
CATCH_UP = "goldloop.adapters.sqlite_index:SqliteIndex.put"
PREDICT = "goldloop.adapters.delta:Table.append"
SMALL = {
    "goldloop.scoring.writer:COMMIT_EVERY": 20,
    "goldloop.scoring.writer:COMMIT_AFTER_S": 0.0,
    "goldloop.scoring.writer:COMMIT_SHARE": 0.0,
}


def scoring_in(root: Path) -> Scoring:
    """Return what a process of the workspace scores with."""
    wiring = Wiring(Workspace.open(root))
    model, policy = Model("1", LengthScorer()), Band(0.4, 0.7)
    return Scoring(wiring.modality.reader, model, policy, wiring.tables, wiring.ports.clock)


def scored(root: Path, shard: str) -> ScoreReport:
    """Score one shard of the rows in `root`."""
    return score_shard(scoring_in(root), str(root / "posts.csv"), Shard.of(shard), has_rows=True)


def started(root: Path, shard: str, plan: Interruption) -> subprocess.Popen[bytes]:
    """Start `scored` in a process of its own with `plan`."""
    script = (
        "import json, sys; from pathlib import Path; from tests.e2e.interrupted import *; "
        "prepare(Interruption(**json.loads(sys.argv[3]))); "
        "from tests.unit.test_shard_kills import scored; scored(Path(sys.argv[1]), sys.argv[2])"
    )
    command = [sys.executable, "-c", script, str(root), shard, json.dumps(asdict(plan))]
    return subprocess.Popen(command, start_new_session=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace of texts with a file of rows, some of which are equal."""
    root = Workspace.create(tmp_path / "posts", labels=list(LABELS.names), kind="text").root
    rows = [(f"{number}", f"{number:03}".ljust(4 + number * 37 % 97, "x")) for number in range(N)]
    twins = [(f"twin {number}", rows[number * 7 % N][1]) for number in range(N_TWINS)]
    write_rows(root / "posts.csv", [*rows, *twins])
    return root


def check(root: Path) -> None:
    """Check that every row arrived once, and every sample was predicted once."""
    tables = Wiring(Workspace.open(root)).tables
    where = conservation(tables)
    assert where.is_conserved
    assert (where.n_files, where.duplicate, where.n_missing) == (N + N_TWINS, N_TWINS, 0)
    rows = tables.samples.read(["uri", "sample_id", "arrived"]).to_pylist()
    assert max(Counter(row["uri"] for row in rows).values()) == 1
    good = [row["sample_id"] for row in rows if row["arrived"] == Arrived.SAMPLE]
    predicted = tables.predictions.read(["sample_id"])["sample_id"].to_pylist()
    assert sorted(good) == sorted(predicted) == sorted(set(good))


@pytest.mark.parametrize(
    ("point", "call", "moment"),
    [(COMMIT, 1, "after"), (COMMIT, 3, "before"), (PREDICT, 2, "after"), (CATCH_UP, 2, "before")],
)
def test_a_killed_shard_is_run_again(root: Path, point: str, call: int, moment: str) -> None:
    """The other shard goes on meanwhile; the last to end sums up, and the pool has what was in between."""
    killed = started(root, "1/2", Interruption(point, call, moment=moment, constants=SMALL))
    if point == CATCH_UP:
        killed.wait()  # the other shard might bring the index up to date in its place
    other = started(root, "2/2", Interruption(constants=SMALL))
    assert [killed.wait(), other.wait()] == [-signal.SIGKILL, 0]

    again = scored(root, "1/2")
    scoring = scoring_in(root)
    pool = score_pool(
        reader=scoring.reader,
        model=scoring.model,
        policy=scoring.policy,
        tables=scoring.tables,
        clock=scoring.clock,
    )

    check(root)
    assert again.waits_for == ()
    (seen,) = read_seen(scoring.tables.batches)
    assert seen.check.n <= N - pool.n_files
    assert scored(root, "1/2").n_files == scored(root, "2/2").n_files == 0


def test_shards_that_commit_at_the_same_moment_double_nothing(root: Path, tmp_path: Path) -> None:
    """Both have looked up before either commits, and equal rows are in both."""
    place = tmp_path / "meeting"
    place.mkdir()
    plan = Interruption(COMMIT, 1, deed="meet", place=str(place), constants=SMALL)

    processes = [started(root, shard, plan) for shard in ("1/2", "2/2")]

    assert [process.wait() for process in processes] == [0, 0]
    check(root)
    (seen,) = read_seen(scoring_in(root).tables.batches)
    assert seen.check.n == N
