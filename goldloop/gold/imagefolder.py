"""The imagefolder export: `split/label/sample_id.ext`, read by torchvision and Hugging Face.

torchvision's `ImageFolder` reads one split and numbers its folders in sorted order. Hugging Face's
`imagefolder` reads the folders `train`, `validation` and `test`, and leaves out all others. It numbers the
labels of all splits together, and takes a label called "test" for a split. So the holdout is called `test`,
every split has a folder for every label, and `labels.json` says which folder and number is which label.
"""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from goldloop.core.errors import SourceError
from goldloop.core.labels import LabelSet, labels_text
from goldloop.core.samples import SampleId
from goldloop.core.splits import Split
from goldloop.gold.records import GoldRecord

FileOf = Callable[[SampleId], Path | None]
"""Where the kept file of a sample lies, None when it is missing."""

FOLDER_OF = {split: str(split) for split in Split} | {Split.HOLDOUT: "test"}
"""Folder of each split; no library reads `withheld`."""

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


def write_imagefolder(records: Sequence[GoldRecord], target: Path, labels: LabelSet, file_of: FileOf) -> None:
    """Write the files of `records` to the new folder `target`, with a folder for each label in each split."""
    folders = folder_names(labels)
    for split in {record.split for record in records}:
        for folder in folders.values():
            (target / FOLDER_OF[split] / folder).mkdir(parents=True)
    for record in records:
        copy_file(record.sample_id, target / FOLDER_OF[record.split] / folders[record.label], file_of)
    target.mkdir(exist_ok=True)
    numbers = {folder: number for number, folder in enumerate(sorted(folders.values()))}
    mapping = [
        {"label": label, "folder": folder, "number": numbers[folder]} for label, folder in folders.items()
    ]
    (target / MAPPING).write_text(json.dumps(mapping, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def imagefolder_notes(records: Iterable[GoldRecord], labels: LabelSet) -> list[str]:
    """Return what a reader of the export has to know, in sentences."""
    counts = Counter((record.split, record.label) for record in records)
    splits = sorted({split for split, _ in counts})
    notes = [f"{MAPPING} says which folder and class number is which label; holdout is the folder test"]
    for split in (split for split in splits if split is not Split.WITHHELD):
        if missing := [label for label in labels if not counts[split, label]]:
            notes.append(
                f"{FOLDER_OF[split]} has no sample of {labels_text(missing)}: pass allow_empty=True to "
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


def copy_file(sample_id: SampleId, folder: Path, file_of: FileOf) -> Path:
    """Copy the kept file of a sample into `folder`, and return the copy."""
    source = file_of(sample_id)
    if source is None:
        raise SourceError(
            f"the kept file of sample {sample_id} is missing; restore the workspace's images folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / source.name
    shutil.copyfile(source, target)
    return target


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
