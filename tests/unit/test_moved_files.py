"""Files that moved after scoring: goldloop finds their bytes wherever it has seen them since."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from goldloop.core.samples import FileRef, SampleId, sample_id_of
from goldloop.scoring.writer import Model
from goldloop.tables.batches import read_places
from goldloop.tables.counts import conservation
from tests.loop import Loop, texts
from tests.memory_texts import LengthScorer


def scored(folder: Path) -> Loop:
    """Return a loop over 200 texts that were scored."""
    loop = Loop(folder, texts(200))
    loop.score()
    return loop


def move(loop: Loop, to: str = "new") -> None:
    """Move every text to another folder."""
    moved = {f"{to}/{uri.partition('/')[2]}": text for uri, text in loop.texts.items()}
    loop.texts.clear()
    loop.texts.update(moved)


def test_a_push_finds_files_that_moved_and_were_scored_again(tmp_path: Path) -> None:
    """The bytes were seen in the new place, as duplicates; no sample is lost, and the tasks are the same."""
    expected = scored(tmp_path / "still")
    expected.push()
    loop = scored(tmp_path / "moved")
    move(loop)
    lost = loop.push()
    rescored = loop.score()

    report = loop.push()

    assert len(lost.lost) == 20
    assert "if the files have moved, run `goldloop score` on their new place" in lost.lost[0]
    assert (rescored.n_duplicates, dict(rescored.lanes)) == (200, {})
    assert (report.n_pushed, report.lost) == (20, [])
    assert Counter(loop.queue.all_tasks().values()) == Counter(expected.queue.all_tasks().values())
    assert conservation(loop.tables).is_conserved


def test_a_new_model_finds_files_that_moved(tmp_path: Path) -> None:
    """The pool is scored from the newest place; what was seen nowhere else is lost, and the step is named."""
    loop = scored(tmp_path)
    move(loop)
    loop.score()
    move(loop, "newer")
    del loop.texts["newer/0007"]
    loop.texts["newer/0009"] = "other bytes"
    gone = loop.score_pool(Model("2", LengthScorer()))
    loop.score()

    report = loop.score_pool(Model("2", LengthScorer()))

    assert len(gone.lost) == 200
    assert sum(report.lanes.values()) == 199  # 198 of the 200, and the other bytes
    assert sorted(line.split(":")[0] for line in report.lost) == ["mem/0007", "mem/0009"]
    assert all("if it has moved, run `goldloop score` on its new place" in line for line in report.lost)


@pytest.mark.parametrize("order", ["moved first", "moved last"])
def test_the_newest_place_comes_first(tmp_path: Path, order: str) -> None:
    """Each place once, whatever arrived there in between."""
    loop = Loop(tmp_path, {"a": "one", "b": "two"} if order == "moved last" else {"a": "two", "b": "one"})
    one = sample_id_of(b"one")
    loop.score()
    loop.texts["c"] = "one"
    loop.score()

    first = "a" if order == "moved last" else "b"
    assert read_places(loop.tables, [one]) == {one: [FileRef("c", 3, "one"), FileRef(first, 3, "one")]}
    assert read_places(loop.tables, [SampleId("0" * 64)]) == {}
