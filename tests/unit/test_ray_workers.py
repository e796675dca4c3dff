"""Workers on Ray score the files of one source: as one process does, also when one of them is killed."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from goldloop.adapters.ray_workers import RayWorkers
from goldloop.core.errors import SettingsError, SourceError
from goldloop.core.samples import Arrived
from goldloop.scoring import blocks
from goldloop.scoring.blocks import BlockPlan, BlockScorer, blocks_of, score_with
from goldloop.scoring.score import batch_of, score_whole
from goldloop.scoring.writer import ScoreReport
from goldloop.settings.workspace import Workspace
from goldloop.tables.batches import read_seen
from goldloop.tables.counts import conservation
from goldloop.wiring import Wiring
from tests.ray_scoring import LABELS, Death, block_scorer, doubler, refuse, scoring_in

N, N_TWINS, N_BAD = 300, 40, 3
PLAN = BlockPlan(batch_of("pictures"), "pass", "1")

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'goldloop[ray]'"
)
pytestmark = pytest.mark.filterwarnings(  # Ray leaves its processes to the collector of garbage
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
Make = Callable[[str, BlockPlan], BlockScorer]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect what Ray has left, while its warnings are ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small pictures, some of which have equal bytes, and files that are none."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(N):
        grey = np.full((12, 12, 3), number * 7 % 256, dtype=np.uint8)
        grey[0, 0] = number % 256, number // 256, 0
        Image.fromarray(grey).save(folder / f"{number * 37 % N:03}.png")
    for number in range(N_TWINS):
        (folder / f"twin{number:03}.png").write_bytes((folder / f"{number * 5:03}.png").read_bytes())
    for number in range(N_BAD):
        (folder / f"bad{number}.png").write_bytes(b"no picture %d" % number)
    return folder


@pytest.fixture
def make_root(tmp_path: Path) -> Callable[[str], str]:
    """Return what makes a workspace of pictures."""

    def made(name: str) -> str:
        labels = list(LABELS.names)
        return str(Workspace.create(tmp_path / name, labels=labels, model={"preset": "tiny"}).root)

    return made


def scored(root: str, pictures: Path, make: Make = block_scorer) -> ScoreReport:
    """Score the pictures with two workers on Ray."""
    plan = BlockPlan(batch_of(str(pictures)), f"{os.getpid()}", "1")
    return score_with(RayWorkers(partial(make, root, plan), 2), scoring_in(root), str(pictures))


def kept(root: str) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Return what the tables hold, but for times, order, and which of equal files counts as the sample."""
    tables = Wiring(Workspace.open(Path(root))).tables
    samples = tables.samples.read().drop_columns(["arrived_at"]).to_pylist()
    predictions = tables.predictions.read().drop_columns(["scored_at"]).to_pylist()
    return (
        Counter(str({**row, "arrived": None, "fingerprint": None, "metadata": None}) for row in samples),
        Counter(str((row["sample_id"], row["arrived"], row["fingerprint"])) for row in samples),
        Counter(map(str, predictions)),
    )


@needs_ray
def test_two_workers_do_what_one_process_does(pictures: Path, make_root: Callable[[str], str]) -> None:
    """Same rows, counts and drift; scoring again finds nothing new."""
    alone, shared = make_root("alone"), make_root("shared")
    whole = score_whole(scoring_in(alone), str(pictures))

    report = scored(shared, pictures)
    again = scored(shared, pictures)

    assert kept(shared) == kept(alone)
    assert (report.n_files, report.n_duplicates) == (whole.n_files, whole.n_duplicates)
    assert (report.n_files, report.n_duplicates) == (N + N_TWINS + N_BAD, N_TWINS)
    assert (report.lanes, report.quarantined) == (whole.lanes, whole.quarantined)
    (ours,), (theirs,) = (read_seen(scoring_in(root).tables.batches) for root in (shared, alone))
    assert (ours.check.n, ours.sketch.label_counts) == (theirs.check.n, theirs.sketch.label_counts)
    np.testing.assert_allclose(ours.sketch.products, theirs.sketch.products)
    assert (again.n_files, again.n_known, again.drift) == (0, N + N_TWINS + N_BAD, None)


@needs_ray
@pytest.mark.parametrize(
    ("table", "moment"), [("samples", "before"), ("samples", "after"), ("predictions", "after")]
)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    pictures: Path, make_root: Callable[[str], str], tmp_path: Path, table: str, moment: str
) -> None:
    """Its block goes to another, which finishes what is missing of it."""
    root, mark = make_root("killed"), tmp_path / "mark"

    report = scored(root, pictures, Death(table, "append_once", 1, moment, str(mark)))

    assert mark.exists()
    scoring = scoring_in(root)
    where = conservation(scoring.tables)
    assert where.is_conserved
    assert (where.n_files, where.duplicate, where.quarantine) == (N + N_TWINS + N_BAD, N_TWINS, N_BAD)
    assert where.n_missing == 0
    rows = scoring.tables.samples.read(["uri", "sample_id", "arrived"]).to_pylist()
    good = [row["sample_id"] for row in rows if row["arrived"] == Arrived.SAMPLE]
    predicted = scoring.tables.predictions.read(["sample_id"])["sample_id"].to_pylist()
    assert sorted(predicted) == sorted(good) == sorted(set(good))
    assert max(Counter(row["uri"] for row in rows).values()) == 1
    assert (report.n_files, sum(report.lanes.values())) == (N + N_TWINS + N_BAD, N)


@needs_ray
def test_what_a_worker_raises_is_raised_here(pictures: Path, make_root: Callable[[str], str]) -> None:
    """With its own sentence."""
    with pytest.raises(SettingsError, match="no workspace at"):
        scored(make_root("refused"), pictures, refuse)


@needs_ray
def test_ray_listens_on_loopback_alone_and_ends_with_the_pass() -> None:
    """No dashboard, no token in the user's folder, and neither processes nor files are left."""
    this, before = psutil.Process(), set(Path("/tmp").iterdir())
    others = set(this.children(recursive=True))  # of earlier tests, such as the tracker of shared memory
    results = RayWorkers(doubler, 2).results([1, 2, 3])

    first = next(results)
    started = list(set(this.children(recursive=True)) - others)
    addresses = {one.laddr.ip for process in started for one in listening(process)}
    rest = list(results)

    assert sorted([first, *rest]) == [2, 4, 6]
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert addresses
    assert not psutil.wait_procs(started, timeout=30)[1]
    assert not [path for path in set(Path("/tmp").iterdir()) - before if path.name.startswith("ray")]
    assert "RAY_AUTH_TOKEN" not in os.environ


def listening(process: psutil.Process) -> list[Any]:
    """Return the sockets on which a process waits for connections; none where it has ended."""
    with suppress(psutil.Error):
        return [one for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return []


def test_without_ray_the_message_says_how_to_install_it(
    pictures: Path, make_root: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray is an extra."""
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(SettingsError, match=r"pip install 'goldloop\[ray\]'"):
        scored(make_root("without"), pictures)


def test_blocks_grow(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every worker gets small blocks first, and each file is in one block."""
    monkeypatch.setattr(blocks, "FIRST_BLOCK", 4)
    monkeypatch.setattr(blocks, "LARGEST_BLOCK", 16)
    files = list(blocks.files_of(str(pictures)))

    cut = list(blocks_of(iter(files), 2))

    assert [len(block) for block in cut[:7]] == [4, 4, 8, 8, 16, 16, 16]
    assert [file for block in cut for file in block] == files


def test_a_database_is_no_source_for_workers(make_root: Callable[[str], str]) -> None:
    """It is one stream of rows; shards read it side by side."""
    root = make_root("database")
    with pytest.raises(SourceError, match="score it with --shard"):
        score_with(
            RayWorkers(partial(block_scorer, root, PLAN), 2), scoring_in(root), "sqlite:///a.db?table=a"
        )
