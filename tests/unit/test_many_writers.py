"""Several processes score at the same time: each file arrives once, each sample is predicted once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldloop.core.errors import BusyError, SourceError
from goldloop.core.samples import FileRef
from goldloop.core.table_ports import Tables
from goldloop.scoring import writer as score_writer
from goldloop.scoring.passes import Scoring
from goldloop.scoring.score import batch_of
from goldloop.scoring.shards import Shard, score_shard
from goldloop.scoring.writer import ScoreReport
from goldloop.settings.workspace import Workspace
from goldloop.tables.batches import read_seen
from goldloop.tables.counts import conservation
from goldloop.wiring import Wiring
from tests.loop import Loop, texts

TWINS = {f"mem/twin{number}": text for number, text in enumerate(list(texts(40).values())[::4])}
BAD = {"mem/bad1": "!not an image", "mem/bad2": "!truncated", "mem/locked": "!unreadable"}
ALL = texts(60) | TWINS | BAD


def kept(tables: Tables) -> Mapping[str, Any]:
    """Return what the tables hold, but for times, order, and which of equal files counts as the sample."""
    samples = tables.samples.read().drop_columns(["arrived_at"]).to_pylist()
    predictions = tables.predictions.read().drop_columns(["scored_at"]).to_pylist()
    return {
        "files": Counter(json.dumps({**row, "arrived": None}) for row in samples),
        "arrived": Counter((row["sample_id"], row["arrived"]) for row in samples),
        "predictions": Counter(json.dumps(row) for row in predictions),
    }


def scoring_of(loop: Loop) -> Scoring:
    """Return what `loop` scores with."""
    return Scoring(**loop._scoring(None))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every pass commit ten samples at once."""
    monkeypatch.setattr(score_writer, "COMMIT_EVERY", 10)
    monkeypatch.setattr(score_writer, "COMMIT_AFTER_S", 0.0)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("after", [1, 20, 45, 70])
def test_two_passes_at_the_same_time_double_nothing(tmp_path: Path, after: int) -> None:
    """A whole pass of the same source comes between two commits of another, as from a second machine."""
    alone, loop = Loop(tmp_path / "alone", ALL), Loop(tmp_path / "both", ALL)
    alone.score()
    n_passed, others = 0, list[ScoreReport]()

    def advance(n: int) -> None:
        nonlocal n_passed
        n_passed += n
        if n_passed >= after and not others:
            others.append(loop.score())

    first, _ = scoring_of(loop).run(
        batch_of("texts"), lambda is_known: loop.reader.arrivals("", is_known=is_known), advance=advance
    )

    assert kept(loop.tables) == kept(alone.tables)
    assert conservation(loop.tables) == conservation(alone.tables)
    assert first.n_files + others[0].n_files == len(ALL)
    lanes = first.lanes + others[0].lanes
    assert lanes == Counter(loop.tables.predictions.read()["lane"].to_pylist())
    quarantined = first.quarantined + others[0].quarantined
    assert dict(quarantined) == {"not an image": 1, "truncated": 1, "unreadable": 1}
    assert first.n_duplicates + others[0].n_duplicates == len(TWINS)


@pytest.mark.usefixtures("often")
def test_a_part_that_another_pass_has_scored_stays_known(tmp_path: Path) -> None:
    """Also for files that are read long after it, when nobody else has committed in between."""
    alone, loop = Loop(tmp_path / "alone", ALL), Loop(tmp_path / "both", ALL)
    alone.score()
    others: list[ScoreReport] = []

    def advance(_: int) -> None:
        if not others:
            others.append(score_shard(scoring_of(loop), "texts", Shard(1, 2), has_rows=False))

    scoring_of(loop).run(
        batch_of("texts"), lambda is_known: loop.reader.arrivals("", is_known=is_known), advance=advance
    )

    assert kept(loop.tables) == kept(alone.tables)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_together_do_what_one_pass_does(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Rows, counts, and the drift check of the whole pass, which the last shard makes."""
    alone, loop = Loop(tmp_path / "alone", ALL), Loop(tmp_path / "shards", ALL)
    whole = alone.score()

    reports = [score_shard(scoring_of(loop), "texts", Shard(number, 3), has_rows=False) for number in order]

    assert kept(loop.tables) == kept(alone.tables)
    assert sum(report.n_files for report in reports) == whole.n_files == len(ALL)
    assert sum((report.lanes for report in reports), Counter()) == whole.lanes
    assert sum(report.n_duplicates for report in reports) == whole.n_duplicates
    assert [report.waits_for for report in reports] == [
        tuple(f"{number}/3" for number in range(1, 4) if number not in order[: place + 1])
        for place in range(3)
    ]
    assert [report.drift is not None for report in reports] == [False, False, True]
    (ours,), (theirs,) = read_seen(loop.tables.batches), read_seen(alone.tables.batches)
    assert (ours.batch, ours.check.n) == (theirs.batch, theirs.check.n)
    assert ours.sketch.confidence_counts == theirs.sketch.confidence_counts
    np.testing.assert_allclose(ours.sketch.products, theirs.sketch.products)


def test_shards_are_scored_again_without_effect(tmp_path: Path) -> None:
    """All files are known; the last shard then has nothing to compare."""
    loop = Loop(tmp_path, ALL)
    for _ in range(2):
        reports = [score_shard(scoring_of(loop), "texts", Shard(n, 2), has_rows=False) for n in (1, 2)]

    assert [report.n_files for report in reports] == [0, 0]
    assert sum(report.n_known for report in reports) == len(ALL) - 1  # the unreadable one is tried again
    assert len(read_seen(loop.tables.batches)) == 1


def test_a_whole_pass_sums_up_what_a_lost_shard_left(tmp_path: Path) -> None:
    """One shard ended, the other never ran: the next pass scores the rest and checks all for drift."""
    loop = Loop(tmp_path, ALL)
    first = score_shard(scoring_of(loop), "texts", Shard(1, 2), has_rows=False)

    rest = loop.score()

    assert (first.waits_for, first.drift) == (("2/2",), None)
    assert rest.drift is not None
    assert rest.drift.n == sum(first.lanes.values()) + sum(rest.lanes.values())
    assert conservation(loop.tables).n_missing == 0


@given(st.text(min_size=1), st.integers(1, 9))
def test_a_file_belongs_to_exactly_one_shard(uri: str, n: int) -> None:
    """Also a row of a file, and however many shards there are."""
    for place in (uri.replace("#", ""), f"{uri}#id=1"):
        file = FileRef(place, 1, "stamp")
        assert sum(Shard(number, n).holds(file) for number in range(1, n + 1)) == 1


def test_every_shard_opens_a_file_of_rows() -> None:
    """Only its rows are shared out."""
    file, row = FileRef("posts.csv", 1, "stamp"), FileRef("posts.csv#id=1", 1, "stamp")

    assert all(Shard(number, 3).holds_row(file) for number in (1, 2, 3))
    assert sum(Shard(number, 3).holds_row(row) for number in (1, 2, 3)) == 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_does_not_exist_is_refused(text: str) -> None:
    """The message shows the form that is meant."""
    with pytest.raises(SourceError, match=r"such as 1/4; got"):
        Shard.of(text)


def test_shards_run_beside_each_other_and_nothing_else(tmp_path: Path) -> None:
    """The lock of one kind of work is held by many shards, or by one process alone."""
    root = Workspace.create(tmp_path / "posts", labels=["fine", "spam"], kind="text").root
    one, other = (Wiring(Workspace.open(root)) for _ in range(2))

    with one.beside("score"):
        with other.beside("score"):
            pass
        with pytest.raises(BusyError, match="Another score is running"), other.alone("score"):
            pass
    busy = pytest.raises(BusyError, match="Another score is running")
    with one.alone("score"), busy, other.beside("score"):
        pass
    with other.beside("score"):
        pass
