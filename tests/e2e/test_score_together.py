"""The commands that score past one process, on real servers: shards side by side, and workers on Ray."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.tables.counts import conservation
from tests.e2e.coloured_samples import samples
from tests.e2e.commands import Loop, finish

pytestmark = pytest.mark.servers

N = 60


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'goldloop[ray]'"
)
def test_shards_and_workers_score_each_file_once(make_loop: Callable[..., Loop], tmp_path: Path) -> None:
    """Two shards start together, then Ray scores another folder, where the same pictures are duplicates."""
    loop = make_loop("together", labels=["red", "green"])
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        samples("image", folder, N)

    shards = [loop.start("score", str(first), "--shard", f"{number}/2", "--json") for number in (1, 2)]
    reports = [report for shard in map(finish, shards) for report in shard.json]
    (by_ray, _) = loop.json("score", str(second), "--engine", "ray", "--workers", "2")

    of_shards = [report for report in reports if report["batch"].startswith("first")]
    assert sum(report["n_files"] for report in of_shards) == N + 1
    assert sum(len(report["waits_for"]) for report in of_shards) <= 1
    assert (by_ray["n_files"], by_ray["n_duplicates"]) == (N + 1, N)
    where = conservation(loop.parts.tables)
    assert where.is_conserved
    assert (where.n_files, where.duplicate, where.quarantine) == (2 * N + 2, N, 2)
    assert where.n_missing == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["in", "--shard", "3/2"], "such as 1/4; got '3/2'"),
        (["--shard", "1/2"], "need a source"),
        (["in", "--engine", "spark"], "there is no engine 'spark'"),
        (["in", "--engine", "ray", "--shard", "1/2"], "give one of them"),
        (["in", "--workers", "2"], "--workers needs --engine ray"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    make_loop: Callable[..., Loop], tmp_path: Path, options: list[str], words: str
) -> None:
    """With what is wrong, before anything is read."""
    loop = make_loop("together-refused", labels=["red", "green"])

    ended = loop.run("score", *options, code=1)

    assert words in " ".join(ended.err.split())
