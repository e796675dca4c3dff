"""Samples as features: computed once for each sample, whoever asks, and read from then on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goldloop.adapters.feature_files import FeatureFiles
from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.modality import Modality
from goldloop.core.samples import Arrival, SampleId
from goldloop.modalities import features
from goldloop.modalities.features import CHUNK, Featured, FeaturedModality, WithFeatures
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.modality import ImageModality
from goldloop.modalities.text.modality import TextModality
from tests.images import encoded, noise
from tests.texts import write_rows


class MeanColours:
    """A backbone of three features; it counts the pictures that it has seen."""

    def __init__(self) -> None:
        self.n_seen = 0

    def features(self, payloads: Sequence[Any]) -> np.ndarray:
        """Return the mean of each colour."""
        self.n_seen += len(payloads)
        return np.array([payload.mean(axis=(0, 1)) for payload in payloads], dtype=np.float16)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """More pictures than a backbone gets at a time, one of them twice, and a broken one in between."""
    (folder := tmp_path / "pictures").mkdir()
    for number in range(CHUNK + 3):
        (folder / f"{number:03}.png").write_bytes(encoded(noise(number), "PNG"))
    (folder / "001-twin.png").write_bytes((folder / "001.png").read_bytes())
    (folder / "002-broken.png").write_bytes(b"\x89PNG")
    return folder


def opened(folder: Path, backbone: MeanColours) -> FeaturedModality:
    """Return the workspace in `folder` anew, as another process opens it."""
    images = ImageModality(folder / "images", Form(32))
    return FeaturedModality(images, Featured(lambda: backbone, FeatureFiles(folder / "features", 3)))


def arrivals(modality: FeaturedModality, source: Path) -> list[Arrival]:
    """Read everything at `source`."""
    return list(modality.reader.arrivals(str(source), is_known=lambda _: False))


def test_each_sample_is_computed_once(tmp_path: Path, pictures: Path) -> None:
    """On arrival; a twin, a second batch, a second process, a retrain and a new score find it kept."""
    backbone = MeanColours()
    plain = list(
        ImageModality(tmp_path / "images", Form(32)).reader.arrivals(str(pictures), is_known=lambda _: False)
    )
    first = arrivals(opened(tmp_path, backbone), pictures)
    other = opened(tmp_path, backbone)
    second = arrivals(other, pictures)
    good = [one for one in first if one.decoded]

    assert [(one.sample_id, one.reason) for one in first] == [(one.sample_id, one.reason) for one in plain]
    assert backbone.n_seen == CHUNK + 3
    for one, pixels, again in zip(first, plain, second, strict=True):
        if one.decoded and pixels.decoded and again.decoded:
            expected = pixels.decoded.payload.mean(axis=(0, 1)).astype(np.float16)
            assert np.array_equal(one.decoded.payload, expected)
            assert np.array_equal(again.decoded.payload, expected)
            assert one.decoded.fingerprint == pixels.decoded.fingerprint
    loaded = [other.store.load(one.sample_id).payload for one in good]
    assert np.array_equal(loaded, [one.decoded.payload for one in good if one.decoded])
    assert backbone.n_seen == CHUNK + 3


@pytest.mark.parametrize("together", [1, 2, 4096])
def test_a_sample_is_scored_again_without_its_file(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """One whose features are missing is read; a file that is gone has its reason, in its place."""
    monkeypatch.setattr(features, "READ_TOGETHER", together)
    backbone = MeanColours()
    modality = opened(tmp_path, backbone)
    some = [one for one in arrivals(modality, pictures) if one.decoded][:6]
    other = opened(tmp_path / "other", backbone)
    other.reader._featured.kept.add({one.sample_id: one.decoded.payload for one in some[:2] if one.decoded})
    for path in (some[0].file.uri, some[3].file.uri):
        Path(path).unlink()
    again = list(other.reader.again((one.sample_id, one.file) for one in some))

    assert [one.reason for one in again] == [None, None, None, "unreadable", None, None]
    assert [one.sample_id for one in again if one.decoded] == [some[n].sample_id for n in (0, 1, 2, 4, 5)]
    for before, after in zip(some, again, strict=True):
        if before.decoded and after.decoded:
            assert np.array_equal(before.decoded.payload, after.decoded.payload)


def test_a_kept_sample_without_features_is_read_once(tmp_path: Path, pictures: Path) -> None:
    """Gold from before the preset; what is neither kept nor featured is the usual error."""
    backbone = MeanColours()
    modality = opened(tmp_path, backbone)
    (one, *_) = ImageModality(tmp_path / "images", Form(32)).reader.arrivals(
        str(pictures), is_known=lambda _: False
    )
    modality.store.keep(one.sample_id, one.file.uri)
    loads = [modality.store.load(one.sample_id).payload for _ in range(3)]

    assert backbone.n_seen == 1
    assert np.array_equal(loads[0], loads[2])
    with pytest.raises(UnreadableSampleError):
        modality.store.load(SampleId("0" * 64))


def test_an_empty_source_is_an_error_at_once(tmp_path: Path) -> None:
    """As the reader of the pictures says it."""
    with pytest.raises(SourceError):
        opened(tmp_path, MeanColours()).reader.arrivals(str(tmp_path / "nowhere"), is_known=lambda _: False)


class Lengths:
    """A backbone of two features of a text; it counts the texts that it has seen."""

    def __init__(self) -> None:
        self.n_seen = 0

    def features(self, payloads: Sequence[str]) -> np.ndarray:
        """Return the length of each text, and one more."""
        self.n_seen += len(payloads)
        return np.array([[len(text), len(text) + 1] for text in payloads], dtype=np.float16)


def test_models_that_take_content_get_it_beside_the_features(tmp_path: Path) -> None:
    """On arrival, when loaded and when scored anew; features are computed once, and can be asked for."""
    source = write_rows(tmp_path / "posts.csv", [(1, "one"), (2, "a second"), (3, "one"), (4, "")])
    backbone, kept = Lengths(), FeatureFiles(tmp_path / "features", 2)

    def featured(preset: str, texts: Modality) -> Modality:
        return FeaturedModality(texts, Featured(lambda: backbone, kept, takes_content=True))

    modality = TextModality(tmp_path / "texts.sqlite", featured=featured).for_preset("minilm")
    arrived = list(modality.reader.arrivals(str(source), is_known=lambda _: False))
    good = [one for one in arrived if one.decoded]
    loaded = [modality.store.load(one.sample_id) for one in good]
    again = list(modality.reader.again((one.sample_id, one.file) for one in good))

    assert [one.reason is None for one in arrived] == [True, True, True, False]
    assert backbone.n_seen == 2
    for payloads in ([one.decoded for one in good], loaded, [one.decoded for one in again]):
        decoded = [one.payload for one in payloads if one is not None]
        assert all(isinstance(one, WithFeatures) for one in decoded)
        assert [one.content for one in decoded] == ["one", "a second", "one"]
        assert [one.features.tolist() for one in decoded] == [[3, 4], [8, 9], [3, 4]]
    rows = modality.features([good[0].sample_id, SampleId("0" * 64)])
    assert {key: row.tolist() for key, row in rows.items()} == {good[0].sample_id: [3, 4]}
    with pytest.raises(UnreadableSampleError):
        modality.store.load(SampleId("0" * 64))


def test_cases_of_checks_have_features_and_are_no_samples(tmp_path: Path) -> None:
    """Models of a frozen backbone get check cases as they get texts; the store of texts stays as it is."""
    backbone, store = Lengths(), tmp_path / "texts.sqlite"
    kept = FeatureFiles(tmp_path / "features", 2)
    texts = FeaturedModality(TextModality(store), Featured(lambda: backbone, kept, takes_content=True))
    source = write_rows(tmp_path / "checks.csv", [("1", "two words", "ham")], ("id", "text", "expected"))

    (first,), (again,) = (list(texts.reader.cases(str(source))) for _ in range(2))

    for case in (first, again):
        assert case.decoded is not None
        assert isinstance(case.decoded.payload, WithFeatures)
        assert case.decoded.payload.content == "two words"
        assert case.decoded.metadata == {"id": "1", "expected": "ham"}
    assert not store.exists()
