"""Every kind of samples keeps one contract: what arrives is kept, shown, compared and read again alike."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.modality import Modality
from goldloop.core.presets import AUTO
from goldloop.core.samples import UNREADABLE, Arrival, BatchId, FileRef, SampleId
from goldloop.core.tasks import NewTask, Purpose
from goldloop.modalities.kinds import open_modality
from goldloop.settings import Settings
from goldloop.settings.kinds import PRESETS
from labelstudio_config.interface import KINDS as SCREENS
from models.image.presets import FORMS
from models.kinds import TRAINERS
from tests.images import encoded, noise
from tests.payments import form, payment
from tests.texts import write_json, write_rows

N_GOOD = 3


def pictures(folder: Path) -> None:
    """Write three pictures, one of them twice, and a broken one."""
    for number in range(N_GOOD):
        (folder / f"{number}.png").write_bytes(encoded(noise(number), "PNG"))
    (folder / "twin.png").write_bytes(encoded(noise(0), "PNG"))
    (folder / "x-broken.png").write_bytes(b"\x89PNG")


def rows(folder: Path) -> None:
    """Write three texts, one of them twice, and a row without a text."""
    texts = [f"this is message number {number}" for number in range(N_GOOD)]
    write_rows(folder / "posts.csv", [*enumerate([*texts, texts[0]]), ("broken", "")])


def payments(folder: Path) -> None:
    """Write three records, one of them twice under another name of the file, and a row without an id."""
    good = [payment(number) for number in range(N_GOOD)]
    write_json(folder / "payments.jsonl", *good)
    write_json(folder / "twin.jsonl", good[0])
    write_json(folder / "x-broken.jsonl", payment(id=""))


SOURCES: dict[str, Callable[[Path], None]] = {"image": pictures, "text": rows, "records": payments}
WITHOUT_FINGERPRINTS = {"records"}  # records that are alike say the same of different events


@pytest.fixture(params=sorted(SOURCES))
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of samples."""
    return str(request.param)


@pytest.fixture
def source(kind: str, tmp_path: Path) -> str:
    """A folder with samples of the kind."""
    folder = tmp_path / "source"
    folder.mkdir()
    SOURCES[kind](folder)
    return str(folder)


@pytest.fixture
def modality(kind: str, tmp_path: Path) -> Modality:
    """The kind in an empty workspace."""
    return open_modality(kind, tmp_path / "workspace", presets_of(kind)[0], FORMS, record_form=form())


def presets_of(kind: str) -> list[str]:
    """Return the presets of a kind; auto is none, but the wish that goldloop chooses one."""
    return [preset for preset in PRESETS[kind] if preset != AUTO]


def read(modality: Modality, source: str) -> list[Arrival]:
    """Read everything at `source`."""
    return list(modality.reader.arrivals(source, is_known=lambda _: False))


def test_every_place_knows_the_same_kinds() -> None:
    """Settings, presets, readers, trainers and screens agree, and each preset belongs to one kind."""
    named = get_args(Settings.model_fields["kind"].annotation)

    assert set(named) == set(PRESETS) == set(TRAINERS) == set(SCREENS) == set(SOURCES)
    for kind, presets in PRESETS.items():
        settings = Settings(kind=kind, name="shop", labels=("a", "b"))  # type: ignore[arg-type]
        assert settings.model.preset == presets[0]
        assert TRAINERS[kind](settings.with_preset(lambda: None).model)
        assert all((preset in FORMS) is (kind == "image") for preset in presets_of(kind))


def test_arrivals_are_samples_or_have_a_reason(modality: Modality, kind: str, source: str) -> None:
    """Equal content has one id, bad content a reason and a detail, good content a fingerprint."""
    arrivals = read(modality, source)

    good = [one for one in arrivals if one.decoded is not None]
    (bad,) = [one for one in arrivals if one.decoded is None]
    assert modality.kind == kind
    assert (len(good), len({one.sample_id for one in good})) == (N_GOOD + 1, N_GOOD)
    assert len({one.file for one in arrivals}) == len(arrivals)
    assert bad.detail
    assert bad.reason != UNREADABLE
    marks = [one.decoded.fingerprint for one in good if one.decoded is not None]
    if kind in WITHOUT_FINGERPRINTS:
        assert marks == [None] * len(good)
        return
    assert all(mark is not None and len(bytes.fromhex(mark)) == 8 for mark in marks)
    assert 0 < modality.max_distance < 32


def test_known_samples_are_passed_over(modality: Modality, source: str) -> None:
    """Each is asked about once, and only unknown ones are yielded, in the same order as before."""
    arrivals = read(modality, source)
    samples = [one.file for one in arrivals]
    asked: list[FileRef] = []

    def is_known(file: FileRef) -> bool:
        asked.append(file)
        return file in samples and file != samples[1]

    again = list(modality.reader.arrivals(source, is_known=is_known))

    assert [one.file for one in again] == [samples[1]]
    assert [file for file in asked if file in samples] == samples


def test_samples_are_read_again_as_they_arrived(modality: Modality, source: str) -> None:
    """The pool is scored anew from the same payloads, in the order asked for."""
    good = [one for one in read(modality, source) if one.decoded is not None][::-1]

    again = list(modality.reader.again((one.sample_id, one.file) for one in good))

    assert [one.sample_id for one in again] == [one.sample_id for one in good]
    for before, after in zip(good, again, strict=True):
        assert before.decoded is not None
        assert after.decoded is not None
        assert comparable(before.decoded.payload) == comparable(after.decoded.payload)


def comparable(payload: Any) -> Any:
    """Return a payload as what is equal where it says the same."""
    return payload.tobytes() if isinstance(payload, np.ndarray) else payload


def test_what_stands_beside_a_sample_is_another_from_before_it(modality: Modality, source: str) -> None:
    """Of those that are asked about, at most as many as wanted, and none that is gone."""
    ids = list(dict.fromkeys(one.sample_id for one in read(modality, source) if one.decoded))
    for one in ids:
        found = modality.before(one, [*ids, SampleId("0" * 64)], 2)
        assert len(found) <= 2
        assert set(found) <= set(ids) - {one}
        assert all(one not in modality.before(earlier, ids, len(ids)) for earlier in found)


def test_a_kept_sample_can_be_shown_and_loaded(modality: Modality, kind: str, source: str) -> None:
    """What the labelling screen, the report and training get of it."""
    one = read(modality, source)[0]
    assert one.decoded is not None

    assert modality.preview(one.sample_id, [one.file.uri]) is not None
    path = modality.store.keep(one.sample_id, one.file.uri)
    task = NewTask(one.sample_id, Purpose.AUDIT, BatchId("b"), path)

    data = modality.task_data(task, lambda relative: f"link to {relative}")
    screen = resources.files("labelstudio_config").joinpath(f"{kind}.xml").read_text()
    assert set(data) == set(re.findall(r'value="\$(\w+)"', screen))
    if kind == "records":
        assert "<table class=" in data[kind]
    else:
        assert data[kind] == (f"link to {path}" if path else one.decoded.payload)
    loaded = modality.store.load(one.sample_id)
    assert comparable(loaded.payload) == comparable(one.decoded.payload)
    assert loaded.fingerprint == one.decoded.fingerprint
    preview = modality.preview(one.sample_id)
    assert preview is not None
    assert (preview.text is None) is (kind == "image")
    file = modality.store.file(one.sample_id)
    assert bool(modality.columns(one.sample_id)) is (file is None)


def test_what_is_not_kept_is_an_error_or_nothing(modality: Modality) -> None:
    """A sample that never arrived has no preview and cannot be kept or loaded."""
    stranger = SampleId("0" * 64)

    assert modality.preview(stranger) is None
    assert modality.store.file(stranger) is None
    with pytest.raises(UnreadableSampleError):
        modality.store.load(stranger)
    with pytest.raises(UnreadableSampleError):
        modality.store.keep(stranger, "/nowhere/file#id=1")


def test_an_empty_source_is_an_error_at_once(modality: Modality, tmp_path: Path) -> None:
    """Nothing is yielded first."""
    with pytest.raises(SourceError):
        modality.reader.arrivals(str(tmp_path / "nowhere"), is_known=lambda _: False)


@pytest.mark.parametrize("kind", ["text", "records"])
def test_rows_need_no_torch(kind: str) -> None:
    """A workspace of texts or records imports neither torch nor the image library."""
    script = (
        "import sys; from pathlib import Path; from goldloop.settings import Settings\n"
        "from goldloop.modalities.kinds import open_modality; from models.kinds import TRAINERS\n"
        "from models.image.presets import FORMS\n"
        f"settings = Settings(kind={kind!r}, name='shop', labels=('a', 'b'))\n"
        f"open_modality({kind!r}, Path('nowhere'), '', FORMS); TRAINERS[{kind!r}](settings.model)\n"
        "assert not {'torch', 'PIL'} & set(sys.modules), sorted({'torch', 'PIL'} & set(sys.modules))"
    )

    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_every_preset_reads_the_same_samples(kind: str, modality: Modality, source: str) -> None:
    """A change of the preset changes how samples are decoded, and neither their ids nor where they lie."""
    arrived = [one for one in read(modality, source) if one.decoded]
    for one in arrived:
        modality.store.keep(one.sample_id, one.file.uri)
    for preset in presets_of(kind):
        other = modality.for_preset(preset)
        payloads = [other.store.load(one.sample_id).payload for one in arrived]
        assert [one.sample_id for one in read(other, source) if one.decoded] == [
            one.sample_id for one in arrived
        ]
        if kind == "image":
            side = FORMS[preset].size
            assert {payload.shape for payload in payloads} == {(side, side, 3)}
        else:
            assert payloads == [one.decoded.payload for one in arrived if one.decoded]
