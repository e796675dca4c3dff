"""The choice of a preset: what a random draw of the pictures says of their size and colour, and the rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldloop.core.presets import PresetChoice
from goldloop.modalities.files import files_of
from goldloop.modalities.image import survey as survey_module
from goldloop.modalities.image.survey import Survey, has_colour, survey_of
from models.image.choice import choose_preset, preset_for, preset_sentence
from tests.images import encoded, noise, write_good

LITE0 = "efficientnet_lite0"


def grey(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return a grey picture of random blobs, saved as RGB by most cameras and programs."""
    return noise(seed, size).convert("L").convert("RGB")


def write(folder: Path, pictures: dict[str, bytes]) -> str:
    """Write files into a folder and return it as a source."""
    folder.mkdir(exist_ok=True)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    return str(folder)


def surveyed(source: str) -> Survey | None:
    """Return the survey of a source."""
    return survey_of(files_of(source), seed=0)


@pytest.mark.parametrize(
    ("shorter_px", "is_colour", "preset"),
    [(8, False, "tiny"), (32, False, "tiny"), (33, False, LITE0), (32, True, LITE0), (300, True, LITE0)],
)
def test_small_grey_pictures_get_a_small_network(shorter_px: int, is_colour: bool, preset: str) -> None:
    """32 px is the last small size; small pictures in colour are photographs."""
    assert preset_for(shorter_px, is_colour=is_colour) == preset


def test_the_size_is_that_before_any_resizing(tmp_path: Path) -> None:
    """The medians are those of the shorter and of the longer sides, however the pictures are turned."""
    sizes = [(400, 533), (533, 400), (300, 700), (10, 12), (2000, 1500)]
    pictures = {f"{n}.jpg": encoded(noise(n, size), "JPEG") for n, size in enumerate(sizes)}

    assert surveyed(write(tmp_path / "in", pictures)) == Survey(5, 400, 533, is_colour=True)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize(
    ("make", "is_colour"),
    [(grey, False), (noise, True)],
    ids=["grey", "colour"],
)
def test_colour_is_what_a_person_sees(
    form: str, make: Callable[[int, tuple[int, int]], Image.Image], is_colour: bool
) -> None:
    """A grey picture in a file of three channels is grey, in spite of a lossy encoder."""
    for seed in range(5):
        picture = Image.fromarray(np.asarray(make(seed, (90, 70))))
        (content := _file(picture, form)).load()
        assert has_colour(content.convert("RGB")) is is_colour


def _file(picture: Image.Image, form: str) -> Image.Image:
    import io

    return Image.open(io.BytesIO(encoded(picture, form)))


def test_one_coloured_part_makes_a_picture_coloured() -> None:
    """A grey shirt with a red print is a photograph in colour; a red pixel is a speck."""
    picture = Image.new("RGB", (200, 200), (128, 128, 128))
    picture.putpixel((3, 3), (255, 0, 0))
    assert not has_colour(picture)
    picture.paste((200, 20, 20), (0, 0, 60, 60))
    assert has_colour(picture)


def test_most_pictures_decide(tmp_path: Path) -> None:
    """Three grey pictures beside two coloured ones are grey together."""
    pictures = {f"g{n}.png": encoded(grey(n, (20, 20)), "PNG") for n in range(3)}
    pictures |= {f"c{n}.png": encoded(noise(n, (20, 20)), "PNG") for n in range(2)}

    assert surveyed(write(tmp_path / "in", pictures)) == Survey(5, 20, 20, is_colour=False)


def test_files_that_are_no_pictures_do_not_count(tmp_path: Path) -> None:
    """Broken, foreign and vanished files are ignored, and so is a link out of the folder."""
    pictures = {f"{n}.png": encoded(grey(n, (16, 18)), "PNG") for n in range(4)}
    broken = {
        "notes.txt": b"no picture",
        "cut.jpg": encoded(noise(1, (900, 900)), "JPEG")[:200],
        "e.png": b"",
    }
    source = write(tmp_path / "in", pictures | broken)
    (tmp_path / "elsewhere.jpg").write_bytes(encoded(noise(2, (800, 800)), "JPEG"))
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    listed = [*files_of(source)]
    (tmp_path / "in" / "3.png").unlink()

    assert survey_of(listed, seed=0) == Survey(3, 16, 18, is_colour=False)
    assert surveyed(write(tmp_path / "none", broken)) is None
    assert choose_preset(files_of(write(tmp_path / "none", broken)), seed=0) is None


def test_the_draw_is_bounded_and_the_same_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many pictures cost no more than a few; broken ones are drawn again, up to as many once more."""
    monkeypatch.setattr(survey_module, "MOST_PICTURES", 10)
    read: list[str] = []
    content_of = survey_module.read_content

    def counted(uri: str) -> bytes:
        read.append(uri)
        return content_of(uri)

    monkeypatch.setattr(survey_module, "read_content", counted)
    write_good(tmp_path / "in", 100, size=24)
    files = [*files_of(str(tmp_path / "in"))]
    assert survey_of(files, seed=0) == Survey(10, 24, 24, is_colour=True)
    first, read[:] = set(read), []
    assert len(first) == 10
    survey_of(files[::-1], seed=0)
    assert set(read) == first

    for uri in first:
        Path(uri).write_bytes(b"broken")
    read.clear()
    assert survey_of(files, seed=0) == Survey(10, 24, 24, is_colour=True)
    assert len(read) == 20
    read.clear()
    survey_of(files, seed=1)
    assert set(read) != first


@pytest.mark.parametrize(
    ("configured", "choice", "sentence"),
    [
        ("tiny", None, "tiny, set in goldloop.toml; trained from nothing"),
        (LITE0, None, f"{LITE0}, set in goldloop.toml; licence of its weights: Apache-2.0"),
        ("words", None, "words, set in goldloop.toml; trained from nothing"),
        ("minilm", None, "minilm, set in goldloop.toml; licence of its weights: Apache-2.0"),
        ("bge_small", None, "bge_small, set in goldloop.toml; licence of its weights: MIT"),
        ("auto", None, "chosen when the first pictures are scored"),
        (
            "auto",
            PresetChoice(LITE0, 200, 240, 320, is_colour=True, licence="Apache-2.0"),
            f"{LITE0}, chosen from 200 pictures: median 240 x 320 px, colour; "
            "licence of its weights: Apache-2.0",
        ),
        (
            "auto",
            PresetChoice("tiny", 1, 8, 8, is_colour=False),
            "tiny, chosen from 1 picture: median 8 x 8 px, grey; trained from nothing",
        ),
    ],
)
def test_the_preset_is_told_with_its_reason_and_licence(
    configured: str, choice: PresetChoice | None, sentence: str
) -> None:
    """Who chose it, from what, and under which licence its weights are; a user needs no reason."""
    assert preset_sentence(configured, choice) == sentence
