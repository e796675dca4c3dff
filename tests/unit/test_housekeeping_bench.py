"""The bench of house-keeping: its year of pulls is what goldloop's writers make of it."""

from __future__ import annotations

from pathlib import Path

from goldloop.tables.answers import read_annotations
from goldloop.tables.gold_store import GoldStore
from scripts.bench.housekeeping.year import N_FIRST, SimulatedYear, sizes_of


def test_each_pull_makes_a_gold_version_and_a_round_names_one(tmp_path: Path) -> None:
    """Three answers a pull, one of them new; the rounds keep their versions, and the tables stay small."""
    year = SimulatedYear(tmp_path, seed=1)
    for _ in range(12):
        year.pull()
    done = {one.table: one for one in year.round(0)}

    assert len(read_annotations(year.tables.annotations)) == N_FIRST + 12
    assert len([one for one in GoldStore(year.tables.gold).log() if one.n_records]) == 13
    assert done["annotations"].after.n_files == 1
    assert sizes_of(year.tables)["gold"].n_files == 1
    assert year.tables.rounds.read(["gold_version"])["gold_version"].to_pylist() == [
        GoldStore(year.tables.gold).newest().version
    ]
