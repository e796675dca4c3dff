"""A thousand files, forty of them broken in as many ways: each is accounted for, cold and with a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from goldloop.core.samples import Arrived
from goldloop.modalities.image.decode import Reason
from tests.e2e.commands import Loop
from tests.e2e.crowned import crown_a_random_model
from tests.images import write_broken, write_good

pytestmark = pytest.mark.servers

N_GOOD, N_BROKEN = 960, 40


def quarantined(loop: Loop) -> dict[str, str]:
    """Return uri -> reason of what lies in quarantine."""
    rows = loop.parts.tables.samples.read(["uri", "arrived", "reason"]).to_pylist()
    return {row["uri"]: row["reason"] for row in rows if row["arrived"] == Arrived.QUARANTINE}


def test_forty_bad_files_in_a_thousand_are_set_aside_and_the_rest_scored(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """960 samples, 40 files in quarantine for the right reason, and `status` adds up after every pass."""
    folder = tmp_path / "thousand"
    write_good(folder, N_GOOD)
    expected = {uri: str(reason) for uri, reason in write_broken(folder / "broken").items()}
    huge = folder / "broken" / "gigabyte.jpg"
    with huge.open("wb") as file:
        file.truncate(2**30)  # a hole, no bytes on the disk
    expected[str(huge)] = str(Reason.BOMB)
    assert len(expected) == N_BROKEN
    loop = make_loop("thousand-files", labels=["cat", "dog"], model={"preset": "tiny", "epochs": 1})

    report = loop.json("score", str(folder))[0]

    assert report["n_files"] == N_GOOD + N_BROKEN
    assert report["lanes"] == {"hold": N_GOOD}
    assert report["quarantined"] == Counter(expected.values())
    assert quarantined(loop) == expected
    assert conserved(loop) == {"auto": 0, "review": 0, "hold": N_GOOD, "quarantine": N_BROKEN, "duplicate": 0}

    version = crown_a_random_model(loop).version
    again, pool = loop.json("score", str(folder))

    assert again["lanes"] == {}
    assert (pool["model_version"], sum(pool["lanes"].values())) == (version, N_GOOD)
    lanes = conserved(loop)
    assert lanes == {
        "auto": 0,
        "review": 0,
        "hold": 0,
        **pool["lanes"],
        "quarantine": N_BROKEN,
        "duplicate": 0,
    }
    assert quarantined(loop) == expected


def conserved(loop: Loop) -> dict[str, int]:
    """Return where `status` says every file is, after checking that it says the sum adds up."""
    files = loop.json("status")["files"]
    places = {name: files[name] for name in ("auto", "review", "hold", "quarantine", "duplicate")}
    assert files["is_conserved"]
    assert sum(places.values()) == files["n_files"] == N_GOOD + N_BROKEN
    return places
