"""Hugging Face data sets: pictures with `metadata.csv` in a folder for each split, rows as Parquet files.

`datasets.load_dataset(FOLDER)` reads both: the head of README.md names the files of each split. Withheld
samples are a split of their own, which no library takes for another.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.formats.class_folders import read_class_folders
from goldloop.formats.dataset_card import dataset_card
from goldloop.formats.gold_export import GoldExport, flat
from goldloop.formats.labelled import SPLIT_OF, LabelledSample, Row, in_source, split_of
from goldloop.formats.table import LABEL_COLUMNS, labelled_row
from goldloop.modalities.rows.files import rows_of

METADATA = "metadata.csv"
_DATA = "data"
_NOT_IN_PICTURES = ("split", "lane", "suggested_label", "entity")
"""Facts that `metadata.csv` lacks: an empty column of a split would have another type than in the next."""

_TYPES = {
    "support": pa.int64(),
    "n_votes": pa.int64(),
    "inclusion_probability": pa.float64(),
}
"""Types of the facts that are no texts."""

_METADATA_FILES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_ROW_FILES = (".parquet", ".csv", ".jsonl", ".ndjson", ".arrow")


def write_hugging_face(export: GoldExport, target: Path) -> None:
    """Write a data set for the kind of samples at hand, with its card README.md."""
    target.mkdir()
    samples = export.samples(target, lambda record: SPLIT_OF[record.split])
    by_split = {
        str(split): list(rows)
        for split, rows in groupby(sorted(samples, key=lambda one: str(one.split)), lambda one: one.split)
    }
    for split, rows in by_split.items():
        if export.has_files:
            _write_metadata(target / split / METADATA, rows)
        else:
            (target / _DATA).mkdir(exist_ok=True)
            pyarrow.parquet.write_table(_table(rows), target / _DATA / f"{split}.parquet")
    files = {split: f"{split}/**" if export.has_files else f"{_DATA}/{split}.parquet" for split in by_split}
    (target / "README.md").write_text(dataset_card(export, files), encoding="utf-8")


def _write_metadata(path: Path, rows: Sequence[LabelledSample]) -> None:
    cells = [
        {"file_name": Path(str(one.file)).name, "label": one.label}
        | {name: cell for name, cell in flat(one.facts).items() if name not in _NOT_IN_PICTURES}
        for one in rows
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(cells[0]))
        writer.writeheader()
        writer.writerows(cells)


def _table(rows: Sequence[LabelledSample]) -> pa.Table:
    """Return a row for each sample, of the same columns and types in every split."""
    cells = [flat(one.facts) | dict(one.fields) | {"label": one.label} for one in rows]
    names = [name for name in cells[0] if name != "split"]
    schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in names])
    return pa.Table.from_pylist([{name: cell[name] for name in names} for cell in cells], schema)


def read_hugging_face(source: Path) -> Iterator[Row]:
    """Yield the samples of a data set in a folder.

    Read are pictures beside metadata files, files of rows (Parquet, CSV, JSONL, and the Arrow files of
    `save_to_disk`), and folders for each label. The split is what the path names; one file of rows alone is
    train, as `load_dataset` takes it.

    Raises:
        SourceError: it is no folder, or holds none of these.
    """
    if not source.is_dir():
        raise SourceError(f"{source} is no folder; name the folder of the data set")
    files = [one for one in sorted(source.rglob("*")) if one.is_file() and not _is_hidden(one, source)]
    metadata = [one for one in files if one.name in _METADATA_FILES]
    tables = metadata or [one for one in files if one.suffix.lower() in _ROW_FILES]
    if not tables:
        yield from read_class_folders(source)
    for path in tables:
        split = _split_in(path, source) or (None if path in metadata else "train")
        yield from _rows(path, split, source)


def _is_hidden(path: Path, source: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.relative_to(source).parts)


def _split_in(path: Path, source: Path) -> str | None:
    """Return the split that the name of the file, or of a folder above it in `source`, begins with."""
    inside = path.relative_to(source)
    words = [inside.stem, *(part for part in reversed(inside.parts[:-1]))]
    found = (split_of(word) or split_of(word.split("-")[0].split("_")[0]) for word in words)
    return next((split for split in found if split), None)


def _rows(path: Path, split: str | None, source: Path) -> Iterator[Row]:
    shown, names = str(path.relative_to(source)), _label_names(path)
    try:
        found = _arrow_rows(path) if path.suffix == ".arrow" else rows_of(str(path), lambda _: None)
        for number, fields in found:
            if isinstance(fields, UnreadableSampleError):
                yield labelled_row(f"{shown}, row {number}", fields, path.parent)
                continue
            for name, listed in names.items():
                if isinstance(fields.get(name), int) and 0 <= fields[name] < len(listed):
                    fields[name] = listed[fields[name]]
            yield labelled_row(
                f"{shown}, row {number}", {"split": split} | _without_none(fields, split), path.parent
            )
    except UnreadableSampleError as error:
        raise in_source(path, error) from error


def _without_none(fields: Mapping[str, Any], split: str | None) -> dict[str, Any]:
    """Return the columns of a row; its split is that of its file, where the file has one."""
    return {name: value for name, value in fields.items() if name != "split" or split is None}


def _arrow_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with pa.memory_map(str(path)) as file:
            yield from enumerate(pa.ipc.open_stream(file).read_all().to_pylist(), start=1)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{path} is no Arrow file of a data set: {error}; save the data set again"
        ) from error


def _label_names(path: Path) -> dict[str, list[str]]:
    """Return the label names of columns that hold numbers, as the metadata of a file tell them."""
    try:
        if path.suffix == ".parquet":
            metadata = pyarrow.parquet.read_schema(path).metadata
        elif path.suffix == ".arrow":
            with pa.memory_map(str(path)) as file:
                metadata = pa.ipc.open_stream(file).schema.metadata
        else:
            return {}
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return {}
    return {
        name: list(one["names"])
        for name, one in features.items()
        if name in LABEL_COLUMNS and isinstance(one, dict) and isinstance(one.get("names"), list)
    }
