"""The preset of a workspace: chosen once from the first pictures, kept, and overruled by its user."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.adapters.memory import MemoryRegistry
from goldloop.core.errors import ModelError, SettingsError, SourceError
from goldloop.core.presets import PresetChoice
from goldloop.loop.challenger import recipe_digest
from goldloop.loop.champion import modality_for
from goldloop.loop.ports import LoopPorts
from goldloop.loop.preset import choose_from_samples
from goldloop.loop.score import score_files, score_pool
from goldloop.reports.steps import score_rows
from goldloop.scoring.writer import Model
from goldloop.settings.preset_record import FILE_NAME, PresetFile
from goldloop.settings.workspace import Workspace
from goldloop.wiring import Wiring
from models.image.frozen_trainer import FrozenTrainer
from tests.images import encoded, noise

LITE0 = "efficientnet_lite0"
CHOICE = PresetChoice("tiny", 200, 8, 8, is_colour=False)


def opened(folder: Path, **settings: object) -> Wiring:
    """Return a workspace, made if it is missing."""
    if not (folder / "goldloop.toml").exists():
        Workspace.create(folder, labels=["cat", "dog"], **settings)
    return Wiring(Workspace.open(folder))


def ports_of(wiring: Wiring) -> LoopPorts:
    """Return the ports of a workspace, with a registry in memory."""
    registry = MemoryRegistry(wiring.workspace.root / "registry")
    return replace(wiring.ports, open_registry=lambda: registry)


def write(folder: Path, n: int, size: int, *, is_grey: bool = False) -> str:
    """Write `n` pictures and return their folder as a source."""
    folder.mkdir()
    for number in range(n):
        picture = noise(number, (size, size + 4))
        (folder / f"{number}.png").write_bytes(encoded(picture.convert("L") if is_grey else picture, "PNG"))
    return str(folder)


def test_the_first_pictures_choose_the_preset_before_their_features_are_computed(tmp_path: Path) -> None:
    """The score says what was chosen from what; features are those of the preset, trainers too."""
    wiring = opened(tmp_path / "w")
    ports = ports_of(wiring)

    report = score_files(ports, write(tmp_path / "photographs", 3, 300))

    sentence = (
        f"{LITE0}, chosen from 3 pictures: median 300 x 304 px, colour; licence of its weights: Apache-2.0"
    )
    assert report.preset == sentence == wiring.preset
    assert score_rows([report])[0]["what"] == f"preset {sentence}"
    assert ports.settings.model.preset == wiring.settings.model.preset == LITE0
    assert isinstance(ports.trainer(), FrozenTrainer)
    ids = [str(one) for one in wiring.tables.samples.read(["sample_id"])["sample_id"].to_pylist()]
    assert len(modality_for(ports, Model()).features(ids)) == 3  # type: ignore[arg-type]
    assert 'preset = "auto"' in (tmp_path / "w" / "goldloop.toml").read_text()


def test_small_grey_pictures_choose_the_small_network(tmp_path: Path) -> None:
    """Nothing is computed with a frozen backbone."""
    wiring = opened(tmp_path / "w")

    report = score_files(ports_of(wiring), write(tmp_path / "digits", 3, 8, is_grey=True))

    assert report.preset.startswith("tiny, chosen from 3 pictures: median 8 x 12 px, grey")
    assert not (tmp_path / "w" / "features").exists()


def test_the_choice_is_made_once(tmp_path: Path) -> None:
    """Later pictures of another kind change nothing and nothing is said of them; nor is it a new process."""
    score_files(ports_of(opened(tmp_path / "w")), write(tmp_path / "digits", 3, 8, is_grey=True))
    again = ports_of(opened(tmp_path / "w"))

    reports = [score_files(again, write(tmp_path / "photographs", 9, 300)), score_pool(again)]

    assert [report.preset for report in reports] == ["", ""]
    assert again.settings.model.preset == "tiny"


def test_the_first_of_two_processes_chooses(tmp_path: Path) -> None:
    """The second takes what the first has kept, and says so."""
    record = PresetFile(opened(tmp_path / "w").workspace.root)

    assert record.save(CHOICE) == CHOICE
    assert record.save(replace(CHOICE, preset=LITE0)) == CHOICE == record.read()


def test_the_preset_of_the_user_wins(tmp_path: Path) -> None:
    """A preset in goldloop.toml is never replaced, before or after a choice; old files name theirs."""
    wiring = opened(tmp_path / "w", model={"preset": "tiny"})
    report = score_files(ports_of(wiring), write(tmp_path / "photographs", 3, 300))

    assert report.preset == ""
    assert wiring.settings.model.preset == "tiny"
    assert not (tmp_path / "w" / FILE_NAME).exists()
    wiring.preset_record.save(replace(CHOICE, preset=LITE0))
    assert wiring.settings.model.preset == ports_of(wiring).settings.model.preset == "tiny"
    assert wiring.preset == "tiny, set in goldloop.toml; trained from nothing"


def test_a_choice_is_the_same_to_a_retrain_as_the_preset_itself(tmp_path: Path) -> None:
    """Writing the chosen preset into goldloop.toml is no reason to train again."""
    chosen, named = opened(tmp_path / "chosen"), opened(tmp_path / "named", model={"preset": LITE0})
    chosen.preset_record.save(replace(CHOICE, preset=LITE0))

    assert recipe_digest(chosen.ports.settings) == recipe_digest(named.ports.settings)


def test_known_pictures_choose_where_the_user_gives_the_choice_away_later(tmp_path: Path) -> None:
    """goldloop.toml said tiny when they arrived; the next step chooses from them, and says so."""
    wiring = opened(tmp_path / "w", model={"preset": "tiny"})
    score_files(ports_of(wiring), write(tmp_path / "photographs", 3, 300))
    path = tmp_path / "w" / "goldloop.toml"
    path.write_text(path.read_text().replace('preset = "tiny"', 'preset = "auto"'))
    ports = ports_of(opened(tmp_path / "w"))

    assert score_pool(ports).preset.startswith(f"{LITE0}, chosen from 3 pictures")
    assert ports.settings.model.preset == LITE0


def test_without_a_picture_nothing_is_chosen(tmp_path: Path) -> None:
    """An empty workspace opens, a source of broken files decides nothing, and the next one does."""
    wiring = opened(tmp_path / "w")
    ports = ports_of(wiring)
    assert choose_from_samples(ports) is None
    assert wiring.preset == "chosen when the first pictures are scored"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"\x89PNG")

    assert score_files(ports, str(tmp_path / "broken")).preset == ""
    with pytest.raises(SourceError, match="does not exist"):
        score_files(ports, str(tmp_path / "nowhere"))
    assert not (tmp_path / "w" / FILE_NAME).exists()
    assert score_files(ports, write(tmp_path / "in", 1, 8, is_grey=True)).preset.startswith("tiny, chosen")


def test_weights_that_cannot_be_had_stop_the_score_before_anything_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the choices; after one of them the same command scores every picture."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    source = write(tmp_path / "photographs", 3, 300)
    wiring = opened(tmp_path / "w", model={"preset": "dinov2_vits14"})
    with pytest.raises(ModelError, match=r"'dinov2_vits14' cannot be had: Name or .* or set `preset`"):
        score_files(ports_of(wiring), source)
    assert wiring.tables.samples.read().num_rows == 0

    path = tmp_path / "w" / "goldloop.toml"
    path.write_text(path.read_text().replace('preset = "dinov2_vits14"', f'preset = "{LITE0}"'))
    assert score_files(ports_of(opened(tmp_path / "w")), source).n_files == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"preset\.json is no record of a preset .*; restore it, or set `preset` in \[model\]"),
        ('{"preset": "tiny"}', "is no record of a preset .*n_pictures"),
        (json.dumps({"preset": "huge", "n_pictures": 1, "shorter_px": 1, "longer_px": 1, "is_colour": True}),
         "names the preset 'huge', which this goldloop does not choose"),
    ],
)  # fmt: skip
def test_a_damaged_record_is_named(tmp_path: Path, content: str, message: str) -> None:
    """The error names the file and both ways on."""
    wiring = opened(tmp_path / "w")
    (tmp_path / "w" / FILE_NAME).write_text(content)

    with pytest.raises(SettingsError, match=message):
        _ = wiring.settings
