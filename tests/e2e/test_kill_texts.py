"""SIGKILL while one large file of posts is scored, and the same command again."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from goldloop.tables.counts import conservation
from tests.e2e.commands import Loop
from tests.e2e.interrupted import Interruption

pytestmark = pytest.mark.servers

N_POSTS, N_BAD, N_CHARS = 8_000, 20, 25_000  # 200 MB; long posts, since a test has no time for a million
READ = 160  # posts of this length that the store takes at a time


def write_posts(path: Path) -> None:
    """Write the posts, a bad one after each 400th."""
    words = np.random.default_rng(0).permutation([f"word{number:05}" for number in range(20_000)])
    with path.open("w") as file:
        for number in range(N_POSTS):
            start = number * 2 % len(words)
            text = " ".join(np.roll(words, -start)[: N_CHARS // 10])
            file.write(json.dumps({"id": number, "text": text}) + "\n")
            if number % (N_POSTS // N_BAD) == 0:
                file.write(json.dumps({"id": f"bad {number}"}) + "\n")


def test_a_killed_score_of_a_large_file_resumes(make_loop: Callable[..., Loop], tmp_path: Path) -> None:
    """No post is missing or doubled, good or bad, and those before the kill are not kept again."""
    posts = tmp_path / "posts.jsonl"
    write_posts(posts)
    assert posts.stat().st_size > 200e6
    loop = make_loop("posts", kind="text", labels=["fine", "spam"], model={})
    middle = Interruption(
        "goldloop.modalities.rows.store:RowStore.add",
        N_POSTS // READ // 2,
        moment="after",
        constants={  # a fast machine commits as a slow one
            "goldloop.scoring.writer:COMMIT_AFTER_S": 0.0,
            "goldloop.scoring.writer:COMMIT_SHARE": 0.0,
        },
    )

    loop.run("score", str(posts), plan=middle, code=-signal.SIGKILL)
    before = conservation(loop.parts.tables).n_files
    reports = loop.json("score", str(posts))

    where = conservation(loop.parts.tables)
    assert where.is_conserved
    assert (where.n_files, where.quarantine, where.duplicate) == (N_POSTS + N_BAD, N_BAD, 0)
    assert N_POSTS // 4 < before < N_POSTS
    assert sum(report["n_known"] for report in reports) == before
    samples = loop.parts.tables.samples.read(["uri"])["uri"].to_pylist()
    assert max(Counter(samples).values()) == 1
    assert len(samples) == N_POSTS + N_BAD
