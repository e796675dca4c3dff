"""Scoring what is partly known: looked up in an index, whose parts are bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.scoring import passes
from goldloop.tables import arrival_index
from goldloop.tables.counts import conservation
from tests.loop import Loop, texts


def test_what_arrived_is_looked_up_without_reading_the_table(tmp_path: Path) -> None:
    """However many samples are old, a pass asks the index, which reads what is newer than its last look."""
    loop = Loop(tmp_path, texts(60))
    loop.score()
    loop.texts |= {f"mem/new{number}": f"new {number}" for number in range(5)}
    reads = loop.tables.samples.reads  # type: ignore[attr-defined]
    reads.clear()

    report = loop.score()

    assert (report.n_files, report.n_known) == (5, 60)
    assert sum(reads) == 5


def test_duplicates_are_found_whether_they_wait_or_are_in_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass of many samples hands them to the index in parts, and counts as one that never does."""
    files = texts(60) | {f"mem/{number:04}twin": texts(60)[f"mem/{number:04}"] for number in range(0, 60, 3)}
    files |= {f"mem/z{number}": texts(60)[f"mem/{number:04}"] for number in range(60)}
    whole = Loop(tmp_path / "whole", files)
    expected = whole.score()
    monkeypatch.setattr(arrival_index, "MOST_RECENT", 7)
    monkeypatch.setattr(passes, "LOOK_UP", 5)
    loop = Loop(tmp_path / "parts", files)

    report = loop.score()

    assert (report.n_files, report.n_duplicates, report.lanes) == (140, 80, expected.lanes)
    assert conservation(loop.tables) == conservation(whole.tables)


def test_a_file_that_is_named_twice_in_a_pass_is_a_duplicate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not known before the pass, although the index has it by now."""
    loop = Loop(tmp_path, texts(10))
    loop.score()
    loop.texts |= {f"mem/new{number}": f"new {number}" for number in range(20)}
    files = loop.reader.files
    monkeypatch.setattr(arrival_index, "MOST_RECENT", 4)
    monkeypatch.setattr(passes, "LOOK_UP", 2)
    monkeypatch.setattr(loop.reader, "files", lambda source: [*files(source), *files(source)])

    report = loop.score()

    assert (report.n_files, report.n_duplicates, report.n_known) == (40, 20, 20)
    assert conservation(loop.tables).n_files == 30
