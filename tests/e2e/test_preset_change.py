"""A champion outlives a change of `model.preset`: it scores until a model of the new preset replaces it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.commands import Loop
from tests.e2e.crowned import crown_a_random_model
from tests.images import encoded, noise

pytestmark = pytest.mark.servers


def test_new_pictures_are_scored_by_the_champion_of_the_old_preset(
    make_loop: Callable[..., Loop], tmp_path: Path
) -> None:
    """It gets them as its own preset takes them: the same picture has the same probabilities as before."""
    loop = make_loop("moved", labels=["cat", "dog"])
    crown_a_random_model(loop)
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(encoded(noise(number), "PNG"))
    before = loop.run("score", str(tmp_path / "0.png"), "--json").json[0]
    settings = loop.root / "goldloop.toml"
    text = settings.read_text()
    assert 'preset = "tiny"' in text
    settings.write_text(text.replace('preset = "tiny"', 'preset = "efficientnet_lite0"'))
    after = loop.run("score", str(tmp_path / "1.png"), "--json").json[0]

    assert (
        (before["n_files"], before["model_version"]) == (after["n_files"], after["model_version"]) == (1, "1")
    )
    assert before["quarantined"] == after["quarantined"] == {}
