"""The first pull of a day compacts the tables, so that a week without a round leaves no long log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldloop.adapters.derived_file import DerivedFile
from goldloop.loop.compact import WORK, compact, compact_daily
from goldloop.loop.ports import LoopPorts
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring
from tests.loop import Loop, texts

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def wiring(tmp_path: Path) -> Wiring:
    """Return a new workspace."""
    return Wiring(Workspace.create(tmp_path / "pets", labels=["cat", "dog"]))


def at(wiring: Wiring, moment: datetime) -> LoopPorts:
    """Return the ports of a command that runs at `moment`."""
    return replace(wiring.ports, clock=lambda: moment)


def was_compacted(wiring: Wiring, moment: datetime) -> bool:
    """Return whether a pull at `moment` merges the files of two commits before it."""
    for number in range(2):
        wiring.tables.rounds.append([{"round": number}])
    compact_daily(at(wiring, moment))
    return len(wiring.tables.rounds.scan().paths) == 1  # type: ignore[union-attr]


def test_the_tables_are_compacted_once_a_day(wiring: Wiring) -> None:
    """A day after the last time, by a pull or by `goldloop compact`, and after the clock was set back."""
    assert not was_compacted(wiring, NOON)
    assert not was_compacted(wiring, NOON + DAY - HOUR)
    assert was_compacted(wiring, NOON + DAY)
    assert not was_compacted(wiring, NOON + DAY + HOUR)
    compact(at(wiring, NOON + DAY + 2 * HOUR))
    assert not was_compacted(wiring, NOON + 2 * DAY + HOUR)
    assert was_compacted(wiring, NOON + 2 * DAY + 2 * HOUR)
    assert was_compacted(wiring, NOON)


def test_a_pull_does_not_wait_for_a_backup(wiring: Wiring) -> None:
    """It leaves the compaction to the next pull."""
    assert not was_compacted(wiring, NOON)
    with wiring.alone(WORK):
        assert not was_compacted(wiring, NOON + DAY)
    assert was_compacted(wiring, NOON + DAY + HOUR)


def test_a_lost_moment_begins_the_day_anew(wiring: Wiring) -> None:
    """Nothing is compacted at every pull where the moment cannot be kept."""
    assert not was_compacted(wiring, NOON)
    wiring.ports.compacted.save("no moment")
    assert not was_compacted(wiring, NOON + 2 * DAY)
    assert was_compacted(wiring, NOON + 3 * DAY)


def test_the_first_pull_of_a_day_compacts(tmp_path: Path) -> None:
    """Those after it do not."""
    kept = DerivedFile(tmp_path / "compacted")
    loop = Loop(tmp_path, texts(20), compacted=kept)
    moments = []
    for hours in (0, 24, 12, 12):
        loop.clock.now += hours * HOUR
        loop.pull()
        moments.append(kept.read())

    assert moments[0] != moments[1] == moments[2] != moments[3]
