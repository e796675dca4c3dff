"""CSV, JSONL and Parquet: a row for each sample."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.samples import sample_id_of
from goldloop.core.verbatim import inert
from goldloop.formats.gold_export import GoldExport, write_lines
from goldloop.formats.labelled import (
    LabelledSample,
    RefusedRow,
    Row,
    in_source,
    moment_of,
    resolved,
    split_of,
    text_of,
)
from goldloop.modalities.rows.files import RawFields, rows_of

LABEL_COLUMNS = ("label", "labels", "class", "category")
FILE_COLUMNS = ("file", "file_name", "filename", "image", "image_path", "path", "uri")
"""Names of the columns of a label, and of a picture, the first that is there."""


def write_csv(export: GoldExport, path: Path) -> None:
    """Write a CSV file; a text that a spreadsheet would compute gets an apostrophe."""
    pyarrow.csv.write_csv(_inert(table_of(export)), path)


def write_jsonl(export: GoldExport, path: Path) -> None:
    """Write a JSON object a line."""
    write_lines(path, table_of(export).to_pylist())


def write_parquet(export: GoldExport, path: Path) -> None:
    """Write a Parquet file, whose metadata name the gold version and its digest."""
    note = {
        b"goldloop.gold_version": str(export.version.version).encode(),
        b"goldloop.digest": export.version.digest.encode(),
    }
    pyarrow.parquet.write_table(table_of(export).replace_schema_metadata(note), path)


def table_of(export: GoldExport) -> pa.Table:
    """Return a row for each record: label, split, how the label was reached, and what the sample says."""
    records = export.records
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
    contents = [export.columns_of(record.sample_id) for record in records]
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


def read_table(source: Path) -> Iterator[Row]:
    """Yield the rows of a CSV, JSONL or Parquet file; a picture is named from the folder of the file.

    Raises:
        SourceError: it cannot be read, or a CSV or Parquet file has no column of labels.
    """
    try:
        for number, fields in rows_of(str(source), lambda header: _check_labels(source, header)):
            yield labelled_row(f"{source.name}, row {number}", fields, source.parent)
    except UnreadableSampleError as error:
        raise in_source(source, error) from error


def labelled_row(place: str, fields: RawFields, folder: Path) -> Row:
    """Return what a row with columns says, at `place` of a file in `folder`."""
    if isinstance(fields, UnreadableSampleError):
        return RefusedRow(place, fields.detail)
    given = fields if fields.get("sample_id") is None else _as_it_was(fields)
    label = text_of(next((given[name] for name in LABEL_COLUMNS if name in given), None))
    if label is None:
        return RefusedRow(place, f"it has no label; fill the column {LABEL_COLUMNS[0]}, or remove the row")
    file, content = _picture(given, folder)
    return LabelledSample(
        place=place,
        label=label,
        sample_id=text_of(given.get("sample_id")),
        file=file,
        content=content,
        fields=given,
        split=split_of(given.get("split")),
        annotator=text_of(given.get("annotator")),
        labelled_at=moment_of(given.get("labelled_at")),
    )


def _picture(fields: Mapping[str, Any], folder: Path) -> tuple[str | None, bytes | None]:
    """Return the picture that a row names, or holds as Hugging Face writes it: bytes, and a path or none."""
    for name in FILE_COLUMNS:
        value = fields.get(name)
        if isinstance(value, Mapping):
            path, content = value.get("path"), value.get("bytes")
            return (None, content) if content else (resolved(str(path), folder) if path else None, None)
        if isinstance(value, str) and value.strip():
            return resolved(value.strip(), folder), None
    return None, None


def _as_it_was(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a row of an export without the apostrophes before what a spreadsheet would compute.

    What a text was is known by its sample_id, and else by the apostrophe alone.
    """
    bare = {name: _bare(value) for name, value in fields.items()}
    text = fields.get("text")
    if isinstance(text, str) and sample_id_of(text.encode("utf-8", "surrogatepass")) == fields["sample_id"]:
        bare["text"] = text
    return bare


def _bare(value: Any) -> Any:
    is_inert = isinstance(value, str) and value.startswith("'") and inert(value[1:]) == value
    return value[1:] if is_inert else value


def _check_labels(source: Path, header: Sequence[str]) -> None:
    if not any(name in header for name in LABEL_COLUMNS):
        raise SourceError(
            f"{source} has no column of labels, only {', '.join(header[:10])}; name one of them "
            f"{LABEL_COLUMNS[0]}"
        )
