"""Folders for each label in each split, `split/label/sample_id.ext`: imagefolder and YOLO classification.

torchvision's `ImageFolder` reads one split and numbers its folders in sorted order. Hugging Face's
`imagefolder` reads the folders `train`, `validation` and `test`, and leaves out all others. It numbers the
labels of all splits together, and takes a label called "test" for a split. ultralytics reads `train`, `val`
and `test`, takes the labels from the folders of `train`, and wants the same in each split. So the holdout is
called `test`, every split has a folder for every label, and `labels.json` says which folder and number is
which label.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from goldloop.core.errors import SourceError
from goldloop.core.labels import LabelSet, labels_text
from goldloop.core.splits import Split
from goldloop.formats.gold_export import GoldExport, write_json
from goldloop.formats.labelled import SPLIT_OF, LabelledSample, Row, read_json, split_of
from goldloop.gold.records import GoldRecord

YOLO_SPLIT_OF = SPLIT_OF | {Split.VALIDATION: "val"}
"""What a split is called where ultralytics reads it."""

YOLO_SPLITS = (Split.TRAIN, Split.VALIDATION, Split.HOLDOUT)
"""Splits that are written also without a sample: ultralytics wants a folder for each label in each."""

MAPPING = "labels.json"

_LONGEST = 120  # bytes of a label in the name of a folder, for which file systems allow 255
_SPLIT_WORD = re.compile(
    r"(?:^|(?<=[-._ 0-9]))"
    r"(train|training|validation|valid|dev|val|test|testing|eval|evaluation|con|prn|aux|nul|(?:com|lpt)\d)"
    r"(?=[-._ 0-9]|$)",
    re.IGNORECASE,
)
"""What Hugging Face takes for the name of a split, and Windows for a device."""


def folder_names(labels: LabelSet) -> dict[str, str]:
    """Return a safe folder name for each label, distinct also where upper and lower case are the same."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column, label in enumerate(labels):
        plain = "".join(char if _is_safe(char) else "_" for char in label)
        plain = plain.encode()[:_LONGEST].decode(errors="ignore")
        safe = _SPLIT_WORD.sub(r"\1~", re.sub("_+", "_", plain).strip(" ._")) or f"label-{column}"
        name, number = safe, 1
        while _folded(name) in taken:
            number += 1
            name = f"{safe}-{number}"
        taken.add(_folded(name))
        names[label] = name
    return names


def write_class_folders(
    export: GoldExport,
    target: Path,
    *,
    names: Mapping[Split, str] = SPLIT_OF,
    splits: Iterable[Split] = (),
) -> None:
    """Write the pictures to the new folder `target`, with a folder for each label in each split.

    `names` has the folder of each split, and `splits` get theirs also without a sample.
    """
    folders = folder_names(export.labels)
    for split in {record.split for record in export.records} | set(splits):
        for folder in folders.values():
            (target / names[split] / folder).mkdir(parents=True)
    target.mkdir(exist_ok=True)
    for record in export.records:
        export.copied(record, target / names[record.split] / folders[record.label])
    numbers = {folder: number for number, folder in enumerate(sorted(folders.values()))}
    mapping = [
        {"label": label, "folder": folder, "number": numbers[folder]} for label, folder in folders.items()
    ]
    write_json(target / MAPPING, mapping)


def write_imagefolder(export: GoldExport, target: Path) -> None:
    """Write what torchvision's `ImageFolder` and Hugging Face's `imagefolder` read."""
    write_class_folders(export, target)


def write_yolo(export: GoldExport, target: Path) -> None:
    """Write a data set for classification as ultralytics reads it."""
    write_class_folders(export, target, names=YOLO_SPLIT_OF, splits=YOLO_SPLITS)


def read_class_folders(source: Path) -> Iterator[Row]:
    """Yield the pictures below `source`: `split/label/picture`, or `label/picture` without splits.

    Raises:
        SourceError: it is no folder of folders.
    """
    folders = [one for one in sorted(source.iterdir()) if one.is_dir()] if source.is_dir() else []
    inside = [one for one in folders if not one.name.startswith(".")]
    if not inside:
        raise SourceError(f"{source} holds no folders; it needs a folder for each label, or split/label")
    label_of = _labels_of(source)
    splits = {one: split_of(one.name) for one in inside}
    if all(splits.values()) and not any(one.name in label_of for one in inside):
        for folder, split in splits.items():
            for labelled in sorted(one for one in folder.iterdir() if one.is_dir()):
                yield from _pictures(labelled, source, label_of, split)
    else:
        for labelled in inside:
            yield from _pictures(labelled, source, label_of, None)


def _labels_of(source: Path) -> dict[str, str]:
    """Return the label of each folder, as an export of goldloop says; empty without that."""
    path = source / MAPPING
    if not path.is_file():
        return {}
    try:
        return {str(one["folder"]): str(one["label"]) for one in read_json(path)}
    except (TypeError, KeyError) as error:
        raise SourceError(
            f"{path} does not map folders to labels; write a list of objects with label and folder, or "
            "remove the file"
        ) from error


def _pictures(
    folder: Path, source: Path, label_of: Mapping[str, str], split: str | None
) -> Iterator[LabelledSample]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            place = str(path.relative_to(source))
            yield LabelledSample(place, label_of.get(folder.name, folder.name), file=str(path), split=split)


def imagefolder_notes(records: Iterable[GoldRecord], labels: LabelSet) -> list[str]:
    """Return what a reader of the export has to know, in sentences."""
    counts = Counter((record.split, record.label) for record in records)
    splits = sorted({split for split, _ in counts})
    notes = [f"{MAPPING} says which folder and class number is which label; holdout is the folder test"]
    for split in (split for split in splits if split is not Split.WITHHELD):
        if missing := [label for label in labels if not counts[split, label]]:
            notes.append(
                f"{SPLIT_OF[split]} has no sample of {labels_text(missing)}: pass allow_empty=True to "
                "torchvision's ImageFolder, which keeps the class numbers"
            )
    if nowhere := [label for label in labels if not any(counts[split, label] for split in splits)]:
        notes.append(
            f"no sample at all of {labels_text(nowhere)}: Hugging Face leaves them out and numbers the "
            f"others anew; read its class names by {MAPPING}"
        )
    if n_withheld := sum(n for (split, _), n in counts.items() if split is Split.WITHHELD):
        notes.append(
            f"{n_withheld} samples are in the folder withheld, which neither library reads: they have "
            "near-duplicates in validation or test; do not train on them"
        )
    return notes


def _is_safe(char: str) -> bool:
    """Return whether `char` may stand in a folder's name: letters, marks, digits, symbols, and " .-_"."""
    return (
        char.isalnum()
        or char in " .-_\u200c\u200d"
        or unicodedata.category(char)[0] in "M"
        or char > "\u2190"
    )


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
