"""Labelbox: an export of a project as NDJSON, a data row with its labels a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goldloop.formats.gold_export import GoldExport, write_lines
from goldloop.formats.labelled import (
    TEST,
    TRAIN,
    VALIDATION,
    LabelledSample,
    RefusedRow,
    Row,
    file_in,
    json_lines,
    moment_of,
    resolved,
    split_of,
    text_of,
)

FILE = "export.ndjson"
_SPLITS = {TRAIN: "train", VALIDATION: "valid", TEST: "test"}
"""Labelbox's own field of metadata knows these splits."""


def write_labelbox(export: GoldExport, target: Path) -> None:
    """Write `export.ndjson` in the form of Labelbox's export; pictures lie in `images` beside it."""
    target.mkdir()
    write_lines(target / FILE, (_line(export, one) for one in export.samples(target)))


def _line(export: GoldExport, one: LabelledSample) -> dict[str, Any]:
    answer = {"name": one.label, "value": one.label}
    label = {
        "label_kind": "Default",
        "label_details": {"created_at": one.facts["labelled_at"]},
        "annotations": {
            "objects": [],
            "classifications": [{"name": "label", "value": "label", "radio_answer": answer}],
        },
    }
    split = _SPLITS.get(str(one.split))
    return {
        "data_row": {
            "id": one.sample_id,
            "global_key": one.sample_id,
            "external_id": one.file or one.fields.get("id", one.sample_id),
            "row_data": one.file or one.fields.get("text", ""),
        },
        "metadata_fields": [{"schema_name": "split", "value": split}] if split else [],
        "projects": {export.name: {"name": export.name, "labels": [label]}},
        "goldloop": dict(one.facts)
        | ({} if one.file or "text" in one.fields else {"fields": dict(one.fields)}),
    }


def read_labelbox(source: Path) -> Iterator[Row]:
    """Yield a sample for each label of each line, or of `export.ndjson` in the folder `source`.

    Raises:
        SourceError: it cannot be read.
    """
    path = file_in(source, (FILE,))
    for line in json_lines(path):
        if isinstance(line, RefusedRow):
            yield line
        else:
            yield from _of_line(*line, path.parent)


def _of_line(place: str, line: Mapping[str, Any], folder: Path) -> Iterator[Row]:
    row, projects = line.get("data_row"), line.get("projects")
    if not isinstance(row, dict) or not isinstance(projects, dict):
        yield RefusedRow(place, "it has no data_row and projects; export the project again as NDJSON")
        return
    labels = [
        label
        for project in projects.values()
        if isinstance(project, dict)
        for label in project.get("labels") or []
        if isinstance(label, dict)
    ]
    if not labels:
        yield RefusedRow(place, "it has no label; label the data row, or remove the line")
    for label in labels:
        yield _sample(place, line, row, label, folder)


def _sample(
    place: str, line: Mapping[str, Any], row: Mapping[str, Any], label: Mapping[str, Any], folder: Path
) -> Row:
    classifications = (label.get("annotations") or {}).get("classifications") or []
    answers = [one.get("radio_answer") for one in classifications if isinstance(one, dict)]
    named = [one for one in answers if isinstance(one, dict) and text_of(one.get("name"))]
    if len(named) != 1:
        return RefusedRow(place, f"it has {len(named)} radio answers; goldloop takes one label each")
    facts = line.get("goldloop")
    facts = facts if isinstance(facts, dict) else {}
    details, content = label.get("label_details") or {}, text_of(row.get("row_data")) or ""
    splits = [
        one.get("value")
        for one in line.get("metadata_fields") or []
        if isinstance(one, dict) and one.get("schema_name") == "split"
    ]
    text = {"text": row.get("row_data"), "id": text_of(row.get("external_id"))}
    return LabelledSample(
        place=place,
        label=str(named[0]["name"]),
        sample_id=facts.get("sample_id"),
        file=resolved(content, folder) if content and "\n" not in content and len(content) < 1000 else None,
        fields=facts["fields"] if isinstance(facts.get("fields"), dict) else text,
        split=split_of(facts.get("split") or next(iter(splits), None)),
        annotator=text_of(details.get("created_by")),
        labelled_at=moment_of(details.get("created_at")),
    )
