"""SIGKILL in the commands before the first model: the choice of a preset while scoring, and hints."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from goldloop.tables.counts import conservation
from goldloop.tables.hints import read_hints
from tests.e2e.commands import Loop
from tests.e2e.interrupted import Interruption
from tests.images import write_good

pytestmark = pytest.mark.servers

N_HINTS = 70  # more than a backbone gets at a time
FEATURES = "goldloop.adapters.feature_files:FeatureFiles.add"
BYTES_PER_RECORD = 36
PRESET = "efficientnet_lite0"


def kept_features(loop: Loop) -> int:
    """Return the number of rows of features in the workspace, the doubled ones too."""
    return sum(path.stat().st_size for path in loop.root.glob("features/**/ids.bin")) // BYTES_PER_RECORD


@pytest.mark.parametrize(
    "point",
    [
        Interruption("pathlib:Path.hardlink_to"),  # the record is written and not in its place
        Interruption(FEATURES, moment="after"),  # chosen, and the first features are kept
    ],
    ids=["written", "features"],
)
def test_the_preset_is_chosen_once_whenever_the_score_is_killed(
    make_loop: Callable[..., Loop], tmp_path: Path, point: Interruption
) -> None:
    """The same command again ends as one that was never killed; pictures added meanwhile do not change it."""
    loop = make_loop("chosen", labels=["cat", "dog"], model={"preset": "auto"})
    pictures = tmp_path / "pictures"
    write_good(pictures, 3, size=300)

    loop.run("score", str(pictures), plan=point, code=-signal.SIGKILL)
    is_saved = (loop.root / "preset.json").exists()
    write_good(pictures / "more", 5, seed=1, size=40)
    loop.run("score", str(pictures))

    n_drawn = 3 if is_saved else 8
    assert f"{PRESET}, chosen from {n_drawn} pictures" in loop.json("status")["preset"]
    assert conservation(loop.parts.tables).n_files == 8
    assert kept_features(loop) == 8


@pytest.mark.parametrize(
    "point",
    [
        Interruption(FEATURES, 2),  # those of the first chunk are kept
        Interruption("goldloop.adapters.delta:Table.append_next"),  # all are kept, none is a hint
    ],
    ids=["features", "unwritten"],
)
def test_hints_are_kept_once_whenever_the_seed_is_killed(
    make_loop: Callable[..., Loop], tmp_path: Path, point: Interruption
) -> None:
    """The same command again keeps all of them, each once, with one row of features."""
    loop = make_loop("hinted", labels=["cat", "dog"], model={"preset": PRESET})
    paths = write_good(tmp_path / "mine", N_HINTS)
    command = ["seed", str(tmp_path / "mine"), "--label", "cat"]

    loop.run(*command, plan=point, code=-signal.SIGKILL)
    found = loop.json(*command)

    assert (found["n_added"] + found["n_known"], found["refused"]) == (N_HINTS, [])
    hints = read_hints(loop.parts.tables.hints)
    assert sorted(hint.uri for hint in hints) == sorted(str(path) for path in paths)
    assert kept_features(loop) == N_HINTS
    store = loop.parts.modality.for_preset(PRESET).store
    assert all(np.asarray(store.load(hint.sample_id).payload).any() for hint in hints)
    assert loop.json("status")["hints"] == {"cat": N_HINTS}
