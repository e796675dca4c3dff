"""Formats: gold that goes out is read back as the same samples, splits and labels, also by others."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from goldloop.core.labels import LabelSet
from goldloop.core.samples import sample_id_of
from goldloop.core.splits import Split
from goldloop.core.tasks import Purpose
from goldloop.formats.class_folders import folder_names
from goldloop.formats.export import OF_PICTURES, Format, export_gold, export_notes
from goldloop.formats.gold_export import GoldExport
from goldloop.formats.labelled import SPLIT_OF
from goldloop.gold.records import GoldRecord
from tests.foreign import read_all, told_by
from tests.images import encoded, noise
from tests.records import audited_record, gold_record
from tests.unit.test_export import VERSION

LABELS = LabelSet.of(["hat", "a/b", "test", "\N{WOMAN}", "=1+1"])
TABLES = (Format.CSV, Format.JSONL, Format.PARQUET)
FOLDERS = tuple(form for form in Format if form not in TABLES)
TEXTS = [
    "=1+1",
    "'=1+1",
    "a line\nand another",
    'it says "hat", twice',
    "\N{WOMAN} ü",
    "-5 degrees",
    "long " * 100,
    "a\0b",
]


def records_of(contents: list[bytes]) -> list[GoldRecord]:
    """Return a record of each content, over all splits and labels; the holdout was audited."""
    records = []
    for number, content in enumerate(contents):
        split = list(Split)[number % len(Split)]
        make = audited_record if split is Split.HOLDOUT else gold_record
        made = make(sample_id_of(content), LABELS[number % len(LABELS)])
        records.append(replace(made, split=split))
    return records


@pytest.fixture
def pictures(tmp_path: Path) -> GoldExport:
    """Gold of forty pictures."""
    contents = [encoded(noise(seed), "PNG") for seed in range(40)]
    kept = {sample_id_of(content): tmp_path / "kept" / f"{number}" for number, content in enumerate(contents)}
    (tmp_path / "kept").mkdir()
    for sample_id, path in kept.items():
        kept[sample_id] = path.with_name(f"{sample_id}.png")
    for content in contents:
        kept[sample_id_of(content)].write_bytes(content)
    return GoldExport(records_of(contents), VERSION, LABELS, kept.get, name="clothes", licence="CC0-1.0")


@pytest.fixture
def texts() -> GoldExport:
    """Gold of texts, some of which a spreadsheet would compute."""
    said = [*TEXTS, *(f"text {number}" for number in range(14))]
    by_id = {sample_id_of(text.encode()): text for text in said}
    return GoldExport(
        records_of([text.encode() for text in said]), VERSION, LABELS, None, lambda key: {"text": by_id[key]}
    )


def written(export: GoldExport, form: Format, folder: Path) -> Path:
    """Export to a new place, named as the format wants, and return it."""
    target = folder / (f"gold.{form}" if form in TABLES else f"as-{form}")
    assert export_gold(export, form, target) == len(export.records)
    return target


def said_of(records: list[GoldRecord]) -> dict[str, tuple[str, str]]:
    """Return label and split of each sample."""
    return {one.sample_id: (one.label, SPLIT_OF[one.split]) for one in records}


@pytest.mark.parametrize("form", FOLDERS)
def test_pictures_come_back_as_they_went(pictures: GoldExport, tmp_path: Path, form: Format) -> None:
    """The same bytes, splits and labels, none lost, by every format that holds pictures."""
    back = read_all(written(pictures, form, tmp_path), form)
    found = {sample_id_of(Path(str(one.file)).read_bytes()): (one.label, one.split) for one in back}
    assert found == said_of(list(pictures.records))
    assert len(back) == len(pictures.records)


@pytest.mark.parametrize("form", [form for form in Format if form not in OF_PICTURES])
def test_texts_come_back_as_they_went(texts: GoldExport, tmp_path: Path, form: Format) -> None:
    """Also those with line breaks, quotes, and what a spreadsheet would compute."""
    back = read_all(written(texts, form, tmp_path), form)
    found = {sample_id_of(one.fields["text"].encode()): (one.label, one.split) for one in back}
    assert found == said_of(list(texts.records))
    assert len(back) == len(texts.records)


@pytest.mark.parametrize("form", [form for form in Format if form not in OF_PICTURES])
def test_records_come_back_as_they_went(tmp_path: Path, form: Format) -> None:
    """Every field of a record, as a text."""
    fields = {
        sample_id_of(str(number).encode()): {"id": f"p{number}", "amount": f"{number}.5", "shop": "x"}
        for number in range(20)
    }
    export = GoldExport(
        records_of([str(number).encode() for number in range(20)]), VERSION, LABELS, None, fields.__getitem__
    )
    back = read_all(written(export, form, tmp_path), form)
    assert {
        one.sample_id: {name: one.fields[name] for name in ("id", "amount", "shop")} for one in back
    } == fields
    assert {str(one.sample_id): (one.label, one.split) for one in back} == said_of(list(export.records))


@pytest.mark.parametrize("form", TABLES)
def test_a_table_of_pictures_names_them_by_their_digest(
    pictures: GoldExport, tmp_path: Path, form: Format
) -> None:
    """A table holds no picture; label and split come back with the sample_id."""
    back = read_all(written(pictures, form, tmp_path), form)
    assert {str(one.sample_id): (one.label, one.split) for one in back} == said_of(list(pictures.records))


LOAD = """
import json, sys, datasets
found = datasets.load_dataset(sys.argv[1])
rows = {split: [dict(row) for row in of_split] for split, of_split in found.items()}
print(json.dumps(rows, default=lambda picture: list(picture.size)))
"""
"""Prints the rows of each split as Hugging Face reads a folder, a picture as its size."""


def test_hugging_face_reads_pictures_with_all_splits_and_metadata(
    pictures: GoldExport, tmp_path: Path
) -> None:
    """`load_dataset(FOLDER)` gives train, validation, test and withheld, with votes and probabilities."""
    found = told_by("datasets", LOAD, written(pictures, Format.HUGGINGFACE, tmp_path))
    of_split = Counter(SPLIT_OF[one.split] for one in pictures.records)
    assert {split: len(rows) for split, rows in found.items()} == of_split
    told = {row["sample_id"]: (row["label"], split) for split, rows in found.items() for row in rows}
    assert told == said_of(list(pictures.records))
    test = found["test"][0]
    assert (test["image"], test["purpose"]) == ([48, 40], "audit")
    known = {one.sample_id: one for one in pictures.records}
    assert test["inclusion_probability"] == known[test["sample_id"]].inclusion_probability
    assert json.loads(test["votes"]) == dict(known[test["sample_id"]].votes)
    assert json.loads(test["posterior"]) == dict(known[test["sample_id"]].posterior)
    assert {row["inclusion_probability"] for row in found["train"]} == {None}


def test_hugging_face_reads_texts_of_all_splits(texts: GoldExport, tmp_path: Path) -> None:
    """The columns have the same types in every split."""
    found = told_by("datasets", LOAD, written(texts, Format.HUGGINGFACE, tmp_path))
    told = {row["sample_id"]: (row["label"], split) for split, rows in found.items() for row in rows}
    assert told == said_of(list(texts.records))
    assert {row["text"] for rows in found.values() for row in rows} >= set(TEXTS)


def test_torchvision_reads_every_split_of_an_imagefolder(pictures: GoldExport, tmp_path: Path) -> None:
    """With the class numbers of the mapping."""
    from torchvision.datasets import ImageFolder

    folder = written(pictures, Format.IMAGEFOLDER, tmp_path)
    numbers = {one["label"]: one["number"] for one in json.loads((folder / "labels.json").read_text())}
    for split, name in SPLIT_OF.items():
        read = ImageFolder(str(folder / name), allow_empty=True)
        wanted = Counter(numbers[one.label] for one in pictures.records if one.split is split)
        assert Counter(read.targets) == wanted


def test_yolo_folders_follow_the_rules_of_ultralytics(pictures: GoldExport, tmp_path: Path) -> None:
    """As `ultralytics.data.utils.check_cls_dataset` reads: train, val and test, each with the same folders.

    It takes the labels from the sorted folders of train, and pictures by their suffix below them.
    """
    folder = written(pictures, Format.YOLO, tmp_path)
    names = sorted(one.name for one in (folder / "train").iterdir() if one.is_dir())
    assert names == sorted(folder_names(LABELS).values())
    for split in ("train", "val", "test"):
        assert sorted(one.name for one in (folder / split).iterdir()) == names
        files = [one for one in (folder / split).rglob("*.*") if one.suffix[1:].lower() in ("png", "jpg")]
        wanted = {"train": Split.TRAIN, "val": Split.VALIDATION, "test": Split.HOLDOUT}[split]
        assert len(files) == sum(one.split is wanted for one in pictures.records)
    few = replace(pictures, records=[one for one in pictures.records if one.label == "hat"])
    assert "the folders of train are empty for a/b" in " ".join(export_notes(few, Format.YOLO))


COCO = """
import json, sys
from pycocotools.coco import COCO
found = COCO(sys.argv[1])
annotations = [found.loadAnns(found.getAnnIds(imgIds=one)) for one in found.getImgIds()]
print(json.dumps({
    found.loadImgs(one["image_id"])[0]["file_name"]: found.loadCats(one["category_id"])[0]["name"]
    for (one,) in annotations
}))
"""
"""Prints the label of each image."""


def test_coco_is_read_by_its_own_tools(pictures: GoldExport, tmp_path: Path) -> None:
    """Every image has one annotation, whose category is its label."""
    folder = written(pictures, Format.COCO_CLS, tmp_path)
    found = told_by("pycocotools", COCO, folder / "annotations.json")
    assert len(found) == len(pictures.records)
    assert found == {f"images/{one.sample_id}.png": one.label for one in pictures.records}


CROISSANT = """
import json, sys, mlcroissant
data = mlcroissant.Dataset(jsonld=sys.argv[1])
issues, sets = data.metadata.ctx.issues, [one.id for one in data.metadata.record_sets]
rows = {name: sum(1 for _ in data.records(name)) for name in sets}
print(json.dumps({"errors": list(issues.errors), "warnings": list(issues.warnings), "rows": rows}))
"""
"""Prints what MLCommons' library has to say of a card, and how many rows it reads by it."""


@pytest.mark.parametrize("form", FOLDERS)
def test_the_croissant_card_is_valid_and_tells_licence_counts_and_digest(
    pictures: GoldExport, tmp_path: Path, form: Format
) -> None:
    """MLCommons' own library finds no error in it; the digest of each file is that of its bytes."""
    folder = written(pictures, form, tmp_path)
    card = json.loads((folder / "croissant.json").read_text())
    assert card["license"] == "CC0-1.0"
    assert card["identifier"] == f"sha256:{VERSION.digest}"
    counts = Counter(SPLIT_OF[one.split] for one in pictures.records)
    assert {one["name"]: one["value"] for one in card["additionalProperty"]} == {
        f"samples in {split}": n for split, n in counts.items()
    }
    for one in card["distribution"]:
        if one["@type"] == "cr:FileObject":
            content = (folder / one["contentUrl"]).read_bytes()
            assert one["sha256"] == hashlib.sha256(content).hexdigest()
    found = told_by("mlcroissant", CROISSANT, folder / "croissant.json")
    assert (found["errors"], found["warnings"]) == ([], [])
    if form is Format.HUGGINGFACE:
        assert found["rows"]["rows/test/metadata.csv"] == counts["test"]


def test_gold_of_chance_keeps_its_probability_in_every_folder_format(
    pictures: GoldExport, tmp_path: Path
) -> None:
    """What drew an audit sample is beside its label wherever the format has room for it."""
    audits = {one.sample_id for one in pictures.records if one.purpose is Purpose.AUDIT}
    for form in (Format.COCO_CLS, Format.LABEL_STUDIO, Format.GROUND_TRUTH, Format.LABELBOX, Format.PRODIGY):
        folder = written(pictures, form, tmp_path)
        files = [one for one in folder.iterdir() if one.is_file() and one.name != "croissant.json"]
        content = "".join(one.read_text() for one in files)
        assert content.count('"inclusion_probability": 0.1') == len(audits)
