"""Readable gold: a picture that is missing or damaged is fetched again or left out, and stops no retrain."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from goldloop.core.errors import EmptyPoolError, UnreadableSampleError
from goldloop.core.samples import Arrived, Decoded, SampleId, sample_id_of
from goldloop.loop.relabel import find_label_errors
from goldloop.loop.retrain import retrain
from goldloop.modalities.image.forms import Form
from goldloop.modalities.image.modality import ImageModality
from goldloop.modalities.image.reader import ImageReader
from goldloop.modalities.image.store import ImageStore
from tests.images import encoded
from tests.unit.test_retraining import HOLDOUT, TRAIN, Bench, text_id, train_record


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return everything that retraining needs, with the places where the texts arrived."""
    bench = Bench(tmp_path)
    bench.commit(*TRAIN, *HOLDOUT)
    for number in (10, 15, 90):
        arrived(bench, number, str(number))
    return bench


def arrived(bench: Bench, number: int, uri: str, as_: Arrived = Arrived.SAMPLE) -> None:
    """Record that the text of this many letters was seen at `uri`."""
    row = {"sample_id": text_id(number), "batch": "b", "uri": uri, "stamp": "", "size": number}
    bench.tables.samples.append([row | {"arrived": str(as_), "arrived_at": bench.ports.clock()}])


def n_trained_on(bench: Bench) -> int:
    """Return the number of train samples of the first run."""
    return int(bench.runs.begun["run-1"].params["n_train"])


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_sample_that_is_missing_or_damaged_is_fetched_again(bench: Bench, *, is_damaged: bool) -> None:
    """From where it arrived; the retrain has all its samples, and says what it did."""
    for number in (10, 15):
        del bench.store.kept[text_id(number)]
        if is_damaged:
            bench.store.kept[text_id(number)] = "half of it"

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert n_trained_on(bench) == 4
    assert record.evaluations["challenger"].n == 4
    assert bench.store.kept[text_id(10)] == "x" * 10
    assert bench.notes[0] == (
        "2 labelled samples were missing or damaged in the workspace and were fetched again from where they "
        "arrived."
    )


def test_a_sample_that_moved_is_fetched_from_its_new_place(bench: Bench) -> None:
    """Scoring the new place recorded a duplicate, which is enough."""
    del bench.store.kept[text_id(10)]
    bench.store.reader.texts["moved/10"] = bench.store.reader.texts.pop("10")
    arrived(bench, 10, "moved/10", Arrived.DUPLICATE)

    assert retrain(bench.ports, bench.notes) is not None
    assert n_trained_on(bench) == 4
    assert "1 labelled samples were missing or damaged" in bench.notes[0]


def test_a_sample_that_is_nowhere_is_left_out_and_told(bench: Bench) -> None:
    """Train and holdout go on without it; gold keeps its label, and no later retrain fails."""
    for number in (10, 15):
        del bench.store.kept[text_id(number)]
        del bench.store.reader.texts[str(number)]

    record = retrain(bench.ports, bench.notes)

    assert record is not None
    assert n_trained_on(bench) == 3
    assert record.evaluations["challenger"].n == 3
    assert bench.notes[0].startswith(
        "2 of 8 labelled samples are left out because their content cannot be read"
    )
    assert "is gone or changed; if the files have moved, run `goldloop score`" in bench.notes[0]
    assert len(bench.gold.records()) == 8
    bench.commit(*TRAIN, *HOLDOUT, train_record(30))
    second = retrain(bench.ports, bench.notes)
    assert second is not None


def test_a_sample_that_no_longer_decodes_is_left_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are as they arrived, but a newer decoder or a new limit refuses them."""
    load = bench.store.load

    def refusing(sample_id: SampleId) -> Decoded:
        if sample_id == text_id(90):
            raise UnreadableSampleError("bomb", "too many scans")
        return load(sample_id)

    monkeypatch.setattr(bench.store, "load", refusing)

    assert retrain(bench.ports, bench.notes) is not None
    assert n_trained_on(bench) == 3
    assert "1 of 8 labelled samples are left out" in bench.notes[0]
    assert "bomb: too many scans" in bench.notes[0]


def test_too_little_that_can_be_read_is_named_as_too_little_gold(bench: Bench) -> None:
    """The error says what is missing, and that samples were left out."""
    for number in (80, 90):
        del bench.store.kept[text_id(number)]
        del bench.store.reader.texts[str(number)]

    told = "are 2 train samples of 1 labels .* 2 of 8 labelled samples are left out"
    with pytest.raises(EmptyPoolError, match=told):
        retrain(bench.ports, bench.notes)


def test_the_search_for_label_errors_leaves_it_out_too(bench: Bench) -> None:
    """A picture that is gone stops no search."""
    bench.commit(*(train_record(number) for number in range(2, 100, 2)), *HOLDOUT)
    del bench.store.kept[text_id(10)]
    del bench.store.reader.texts["10"]

    find_label_errors(bench.ports, bench.notes)

    assert "1 of 49 labelled samples are left out" in bench.notes[0]


def test_a_damaged_picture_has_no_preview(tmp_path: Path, reader: ImageReader) -> None:
    """The page of the round is written without it."""
    modality = ImageModality(tmp_path / "images", Form(32))
    content = encoded(Image.new("RGB", (20, 20), (9, 99, 9)), "PNG")
    (file := tmp_path / "a.png").write_bytes(content)
    sample_id = sample_id_of(content)
    ImageStore(tmp_path / "images", reader).keep(sample_id, str(file))
    assert modality.preview(sample_id) is not None

    kept = modality.store.file(sample_id)
    assert kept is not None
    kept.write_bytes(content[:40])

    assert modality.preview(sample_id) is None
    assert modality.preview(SampleId("0" * 64)) is None
