"""Exports of a gold version: tables for a notebook, folders for a trainer."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from goldloop.core.disk import make_folder, put_in_place
from goldloop.core.errors import SourceError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.core.verbatim import inert
from goldloop.gold.imagefolder import FileOf, copy_file, write_imagefolder
from goldloop.gold.records import GoldRecord, GoldVersion

ColumnsOf = Callable[[SampleId], Mapping[str, str]]
"""What a table holds of the sample itself: nothing of an image, the text of a text."""


class Format(StrEnum):
    """How a gold version is written."""

    CSV = "csv"
    JSONL = "jsonl"
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
    file_of: FileOf | None,
    columns_of: ColumnsOf = lambda _: {},
) -> int:
    """Write `records` to `target`, whole or not at all, and return how many there are.

    csv, jsonl and parquet write one file with a row per sample, `columns_of` it included; in csv a text that
    a spreadsheet would compute gets an apostrophe. The other formats copy files and need `file_of`, which is
    None for samples that have none. imagefolder writes what `goldloop.gold.imagefolder` describes. coco-cls
    writes `annotations.json` (images, categories, one annotation per image) beside a folder `images`.

    Raises:
        SourceError: `target` exists already, a kept file is missing, or these samples have no files.
        UnreadableSampleError: the content of a sample is missing.
    """
    if form in (Format.IMAGEFOLDER, Format.COCO_CLS) and file_of is None:
        raise SourceError(
            f"{form} is a format of pictures, and these samples have no files; choose csv, jsonl or parquet"
        )
    if target.exists():
        raise SourceError(f"{target} exists already; name a new place with --to")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    make_folder(target.parent)
    try:
        match form:
            case Format.CSV:
                pyarrow.csv.write_csv(_inert(_flat(records, columns_of)), beside)
            case Format.JSONL:
                rows = _flat(records, columns_of).to_pylist()
                lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                beside.write_text("".join(lines), encoding="utf-8")
            case Format.PARQUET:
                note = {
                    b"goldloop.gold_version": str(version.version).encode(),
                    b"goldloop.digest": version.digest.encode(),
                }
                pyarrow.parquet.write_table(_flat(records, columns_of).replace_schema_metadata(note), beside)
            case Format.IMAGEFOLDER if file_of is not None:
                write_imagefolder(records, beside, labels, file_of)
            case Format.COCO_CLS if file_of is not None:
                _write_coco(records, version, beside, labels, file_of)
        put_in_place(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        beside.unlink(missing_ok=True)
    return len(records)


def _flat(records: Sequence[GoldRecord], columns_of: ColumnsOf) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "sample_id": [record.sample_id for record in records],
        "label": [record.label for record in records],
        "split": [str(record.split) for record in records],
        "group": [record.group for record in records],
        "entity": [record.entity for record in records],
        "purpose": [str(record.purpose) for record in records],
        "method": [record.method for record in records],
        "support": [record.support for record in records],
        "n_votes": [record.n_votes for record in records],
        "votes": [json.dumps(dict(record.votes), ensure_ascii=False) for record in records],
        "batch": [record.batch for record in records],
        "lane": [record.lane for record in records],
        "suggested_label": [record.suggested_label for record in records],
        "inclusion_probability": [record.inclusion_probability for record in records],
        "labelled_at": [record.labelled_at.isoformat() for record in records],
    }
    contents = [columns_of(record.sample_id) for record in records]
    for name in contents[0] if contents else ():
        columns[name] = [content[name] for content in contents]
    return pa.table(columns)


def _inert(table: pa.Table) -> pa.Table:
    """Return `table` with texts that no spreadsheet computes."""
    for place, name in enumerate(table.column_names):
        if pa.types.is_string(table.schema.field(name).type):
            texts = [None if text is None else inert(text) for text in table[name].to_pylist()]
            table = table.set_column(place, name, pa.array(texts, pa.string()))
    return table


def _write_coco(
    records: Sequence[GoldRecord], version: GoldVersion, target: Path, labels: LabelSet, file_of: FileOf
) -> None:
    target.mkdir()
    images = [
        {
            "id": number,
            "file_name": f"images/{copy_file(record.sample_id, target / 'images', file_of).name}",
            "split": str(record.split),
        }
        for number, record in enumerate(records, start=1)
    ]
    annotations = [
        {"id": number, "image_id": number, "category_id": labels.column(record.label) + 1}
        for number, record in enumerate(records, start=1)
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
