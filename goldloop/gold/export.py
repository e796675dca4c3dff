"""Exports of a gold version: tables for a notebook, folders for a trainer."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from goldloop.core.errors import SourceError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord, GoldVersion

FileOf = Callable[[SampleId], Path | None]
"""Where the kept file of a sample lies, None when it is missing."""


class Format(StrEnum):
    """How a gold version is written."""

    CSV = "csv"
    PARQUET = "parquet"
    IMAGEFOLDER = "imagefolder"
    COCO_CLS = "coco-cls"


def export_gold(
    records: Sequence[GoldRecord],
    version: GoldVersion,
    *,
    form: Format,
    target: Path,
    labels: LabelSet,
    file_of: FileOf,
) -> int:
    """Write `records` to `target`, whole or not at all, and return how many there are.

    csv and parquet write one file with a row per sample. imagefolder writes `split/label/sample_id.ext`, the
    layout torchvision and Hugging Face read. coco-cls writes `annotations.json` (images, categories, one
    annotation per image) beside a folder `images`.

    Raises:
        SourceError: `target` exists already, or a kept file is missing.
    """
    if target.exists():
        raise SourceError(f"{target} exists already; name a new place with --to")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        match form:
            case Format.CSV:
                pyarrow.csv.write_csv(_flat(records), beside)
            case Format.PARQUET:
                note = {
                    b"goldloop.gold_version": str(version.version).encode(),
                    b"goldloop.digest": version.digest.encode(),
                }
                pyarrow.parquet.write_table(_flat(records).replace_schema_metadata(note), beside)
            case Format.IMAGEFOLDER:
                _write_imagefolder(records, beside, labels, file_of)
            case Format.COCO_CLS:
                _write_coco(records, version, beside, labels, file_of)
        beside.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        beside.unlink(missing_ok=True)
    return len(records)


def _flat(records: Sequence[GoldRecord]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "sample_id": [one.sample_id for one in records],
        "label": [one.label for one in records],
        "split": [str(one.split) for one in records],
        "group": [one.group for one in records],
        "purpose": [str(one.purpose) for one in records],
        "method": [one.method for one in records],
        "support": [one.support for one in records],
        "n_votes": [one.n_votes for one in records],
        "votes": [json.dumps(dict(one.votes), ensure_ascii=False) for one in records],
        "batch": [one.batch for one in records],
        "lane": [one.lane for one in records],
        "suggested_label": [one.suggested_label for one in records],
        "inclusion_probability": [one.inclusion_probability for one in records],
        "labelled_at": [one.labelled_at.isoformat() for one in records],
    }
    return pa.table(columns)


def _folder_names(labels: LabelSet) -> dict[str, str]:
    """Return a safe and distinct folder name for each label."""
    names: dict[str, str] = {}
    for column, label in enumerate(labels):
        safe = re.sub(r"[^\w .-]+", "_", label).strip(" .") or f"label-{column}"
        names[label] = (
            safe if safe.casefold() not in {one.casefold() for one in names.values()} else f"{safe}-{column}"
        )
    return names


def _copy(sample_id: SampleId, folder: Path, file_of: FileOf) -> Path:
    source = file_of(sample_id)
    if source is None:
        raise SourceError(
            f"the kept file of sample {sample_id} is missing; restore the workspace's images folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / source.name
    shutil.copyfile(source, target)
    return target


def _write_imagefolder(
    records: Sequence[GoldRecord], target: Path, labels: LabelSet, file_of: FileOf
) -> None:
    folders = _folder_names(labels)
    target.mkdir()
    for one in records:
        _copy(one.sample_id, target / str(one.split) / folders[one.label], file_of)


def _write_coco(
    records: Sequence[GoldRecord], version: GoldVersion, target: Path, labels: LabelSet, file_of: FileOf
) -> None:
    target.mkdir()
    images = [
        {
            "id": number,
            "file_name": f"images/{_copy(one.sample_id, target / 'images', file_of).name}",
            "split": str(one.split),
        }
        for number, one in enumerate(records, start=1)
    ]
    annotations = [
        {"id": number, "image_id": number, "category_id": labels.column(one.label) + 1}
        for number, one in enumerate(records, start=1)
    ]
    content = {
        "info": {"description": "goldloop gold", "version": str(version.version), "digest": version.digest},
        "categories": [{"id": column + 1, "name": label} for column, label in enumerate(labels)],
        "images": images,
        "annotations": annotations,
    }
    (target / "annotations.json").write_text(
        json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8"
    )
