"""The imagefolder export as torchvision and Hugging Face read it: no sample lost, no class shifted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image

from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.formats.class_folders import folder_names, imagefolder_notes, write_imagefolder
from goldloop.formats.gold_export import GoldExport
from goldloop.gold.records import GoldRecord
from tests.unit.test_export import VERSION
from tests.unit.test_gold import record

LABELS = LabelSet.of(
    [
        "hat",
        "a/b",
        "a_b",
        "A_b",
        "test",
        "dress test 2",
        "__hidden",
        ".dot",
        "\N{WOMAN}",
        "..",
        "valid-1",
        "x" * 100,
    ]
)
FEW = LabelSet.of(["cat", "dog", "emu"])

HUGGING_FACE = {
    "train": ["train", "training"],
    "validation": ["validation", "valid", "dev", "val"],
    "test": ["test", "testing", "eval", "evaluation"],
}
"""Words in the names of folders by which Hugging Face finds a split, between these separators:"""
SEPARATORS = "-._ 0-9"


def written(folder: Path, records: list[GoldRecord], labels: LabelSet) -> Path:
    """Write `records`, each with a small picture of its own, and return the export."""

    def file_of(sample_id: SampleId) -> Path:
        path = folder / f"{sample_id}.png"
        Image.new("RGB", (2, 2)).save(path)
        return path

    target = folder / "export"
    write_imagefolder(GoldExport(records, VERSION, labels, file_of), target)
    return target


def hugging_face_splits(export: Path) -> dict[str, set[str]]:
    """Return the pictures of each split that Hugging Face finds by the names of folders."""
    files, splits = LocalFileSystem(), dict[str, set[str]]()
    for split, keywords in HUGGING_FACE.items():
        for word in keywords:
            between = f"[{SEPARATORS}]"
            for name in (word, f"{word}{between}*", f"*{between}{word}", f"*{between}{word}{between}*"):
                found = files.glob(f"{export}/**/{name}/**")
                pictures = {path for path in found if path.endswith(".png")}
                is_hidden = [part for path in pictures for part in Path(path).relative_to(export).parts]
                assert not any(part.startswith((".", "__")) for part in is_hidden)
                if pictures:
                    splits.setdefault(split, set()).update(pictures)
    return splits


def labelled(n_of: dict[tuple[Split, str], int]) -> list[GoldRecord]:
    """Return so many records of each split and label."""
    return [
        replace(record(f"{split}/{label}/{number}", label=label), split=split)
        for (split, label), n in n_of.items()
        for number in range(n)
    ]


def test_hugging_face_reads_every_split_once(tmp_path: Path) -> None:
    """The holdout is its test split; no label is taken for a split, and no folder is hidden from it."""
    splits = (Split.TRAIN, Split.VALIDATION, Split.HOLDOUT)
    records = labelled({(split, label): 2 for split in splits for label in LABELS})

    found = hugging_face_splits(written(tmp_path, records, LABELS))

    assert {split: len(paths) for split, paths in found.items()} == dict.fromkeys(
        ("train", "validation", "test"), 2 * len(LABELS)
    )
    assert len(set().union(*found.values())) == len(records)


def test_torchvision_numbers_the_classes_alike_in_every_split(tmp_path: Path) -> None:
    """Also where a label has no sample in a split; the mapping gives the number of each label."""
    from torchvision.datasets import ImageFolder

    records = labelled(
        {(Split.TRAIN, "cat"): 3, (Split.TRAIN, "dog"): 2, (Split.TRAIN, "emu"): 2, (Split.HOLDOUT, "emu"): 4}
    )
    export = written(tmp_path, records, FEW)
    number_of = {
        entry["label"]: entry["number"] for entry in json.loads((export / "labels.json").read_text())
    }

    train = ImageFolder(str(export / "train"))
    test = ImageFolder(str(export / "test"), allow_empty=True)

    assert train.class_to_idx == test.class_to_idx
    assert test.targets == [number_of["emu"]] * 4
    assert sorted(train.targets) == sorted(3 * [number_of["cat"]] + 2 * [number_of["dog"], number_of["emu"]])
    with pytest.raises(FileNotFoundError, match="no valid file for the classes cat, dog"):
        ImageFolder(str(export / "test"))  # says so, and shifts nothing


def test_every_label_has_a_folder_of_its_own_and_the_mapping_names_it(tmp_path: Path) -> None:
    """Also where upper and lower case are one; a name fits into every file system."""
    names = folder_names(LABELS)
    export = written(tmp_path, labelled({(Split.TRAIN, label): 1 for label in LABELS}), LABELS)
    mapping = json.loads((export / "labels.json").read_text(encoding="utf-8"))

    assert len({name.casefold() for name in names.values()}) == len(LABELS)
    assert all(0 < len(name.encode()) <= 255 and "/" not in name for name in names.values())
    assert {entry["label"]: entry["folder"] for entry in mapping} == names
    assert [entry["folder"] for entry in sorted(mapping, key=lambda entry: entry["number"])] == sorted(
        names.values()
    )
    assert {path.name for path in (export / "train").iterdir()} == set(names.values())
    assert names["hat"] == "hat"
    assert folder_names(LabelSet.of(["\N{CJK UNIFIED IDEOGRAPH-4E00}" * 100, "b"]))


def test_what_a_reader_has_to_know_is_told() -> None:
    """Labels without samples, and withheld samples, which both libraries pass over."""
    records = labelled({(Split.TRAIN, "cat"): 2, (Split.HOLDOUT, "dog"): 1, (Split.WITHHELD, "cat"): 3})

    notes = "\n".join(imagefolder_notes(records, FEW))

    assert "test has no sample of cat, emu: pass allow_empty=True" in notes
    assert "no sample at all of emu" in notes
    assert "3 samples are in the folder withheld" in notes
