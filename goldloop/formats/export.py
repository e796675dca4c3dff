"""Exports of a gold version, whole or not at all: tables for a notebook, folders for another program."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from goldloop.core.disk import make_folder, put_in_place
from goldloop.core.errors import SourceError
from goldloop.core.labels import labels_text
from goldloop.core.splits import Split
from goldloop.formats.class_folders import imagefolder_notes, write_imagefolder, write_yolo
from goldloop.formats.coco import write_coco
from goldloop.formats.croissant import write_croissant
from goldloop.formats.gold_export import GoldExport
from goldloop.formats.ground_truth import write_ground_truth
from goldloop.formats.hugging_face import write_hugging_face
from goldloop.formats.label_studio import write_label_studio
from goldloop.formats.labelbox import write_labelbox
from goldloop.formats.prodigy import write_prodigy
from goldloop.formats.table import write_csv, write_jsonl, write_parquet


class Format(StrEnum):
    """How labelled samples are written and read."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    IMAGEFOLDER = "imagefolder"
    HUGGINGFACE = "huggingface"
    YOLO = "yolo"
    COCO_CLS = "coco-cls"
    LABEL_STUDIO = "label-studio"
    GROUND_TRUTH = "ground-truth"
    LABELBOX = "labelbox"
    PRODIGY = "prodigy"


Write = Callable[[GoldExport, Path], None]

_TABLES: Mapping[Format, Write] = {
    Format.CSV: write_csv,
    Format.JSONL: write_jsonl,
    Format.PARQUET: write_parquet,
}
"""Formats of one file."""

_FOLDERS: Mapping[Format, Write] = {
    Format.IMAGEFOLDER: write_imagefolder,
    Format.HUGGINGFACE: write_hugging_face,
    Format.YOLO: write_yolo,
    Format.COCO_CLS: write_coco,
    Format.LABEL_STUDIO: write_label_studio,
    Format.GROUND_TRUTH: write_ground_truth,
    Format.LABELBOX: write_labelbox,
    Format.PRODIGY: write_prodigy,
}

OF_PICTURES = (Format.IMAGEFOLDER, Format.YOLO, Format.COCO_CLS)
"""Formats that hold pictures alone."""


def export_gold(export: GoldExport, form: Format, target: Path) -> int:
    """Write gold to `target`, whole or not at all, and return how many samples there are.

    csv, jsonl and parquet write one file with a row per sample, its text or fields included; in csv a text
    that a spreadsheet would compute gets an apostrophe. All others write a folder, pictures included, with a
    Croissant card.

    Raises:
        SourceError: `target` exists already, a kept file is missing, or the format is one of pictures and
            these samples have none.
        UnreadableSampleError: the content of a sample is missing.
    """
    if form in OF_PICTURES and not export.has_files:
        others = ", ".join(one for one in Format if one not in OF_PICTURES)
        raise SourceError(f"{form} is a format of pictures, and these samples have no files; choose {others}")
    if target.exists():
        raise SourceError(f"{target} exists already; name a new place with --to")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    make_folder(target.parent)
    try:
        if form in _TABLES:
            _TABLES[form](export, beside)
        else:
            _FOLDERS[form](export, beside)
            write_croissant(export, beside)
        put_in_place(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        beside.unlink(missing_ok=True)
    return len(export.records)


def export_notes(export: GoldExport, form: Format) -> list[str]:
    """Return what a reader of the export has to know, in sentences."""
    if form is Format.IMAGEFOLDER:
        return imagefolder_notes(export.records, export.labels)
    counts = Counter((record.split, record.label) for record in export.records)
    notes = []
    if form is Format.YOLO:
        for split, word in ((Split.TRAIN, "train"), (Split.VALIDATION, "val"), (Split.HOLDOUT, "test")):
            if missing := [label for label in export.labels if not counts[split, label]]:
                notes.append(f"the folders of {word} are empty for {labels_text(missing)}")
    n_withheld = sum(n for (split, _), n in counts.items() if split is Split.WITHHELD)
    if n_withheld and form not in _TABLES:
        notes.append(
            f"{n_withheld} samples are withheld: they have near-duplicates or the same author in validation "
            "or test, or wait for a random draw; do not train on them"
        )
    return notes
