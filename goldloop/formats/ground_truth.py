"""SageMaker Ground Truth: an augmented manifest, a JSON object a line, one file for each split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goldloop.core.errors import SourceError
from goldloop.formats.gold_export import GoldExport, write_lines
from goldloop.formats.labelled import (
    LabelledSample,
    RefusedRow,
    Row,
    json_lines,
    moment_of,
    resolved,
    split_of,
    text_of,
)

_SUFFIX = ".manifest"
_JOB, _NOTE = "label", "-metadata"
_TYPES = {True: "groundtruth/image-classification", False: "groundtruth/text-classification"}


def write_ground_truth(export: GoldExport, target: Path) -> None:
    """Write `train.manifest` and so on; a training job of SageMaker gets a channel for each split."""
    target.mkdir()
    lines: dict[str, list[dict[str, Any]]] = {}
    for one in export.samples(target):
        source = (
            {"source-ref": one.file} if one.file else {"source": one.fields.get("text", ""), **_record(one)}
        )
        note = {
            "class-name": one.label,
            "confidence": one.facts["posterior"].get(one.label, 1.0),
            "type": _TYPES[export.has_files],
            "human-annotated": "yes",
            "creation-date": one.facts["labelled_at"],
            "job-name": export.name,
        }
        line = source | {_JOB: export.labels.column(one.label), f"{_JOB}{_NOTE}": note, "goldloop": one.facts}
        lines.setdefault(str(one.split), []).append(line)
    for split, objects in lines.items():
        write_lines(target / f"{split}{_SUFFIX}", objects)


def _record(one: LabelledSample) -> dict[str, Any]:
    """Return the fields of a record, which has no text."""
    return {} if "text" in one.fields else {"fields": dict(one.fields)}


def read_ground_truth(source: Path) -> Iterator[Row]:
    """Yield the lines of a manifest, or of all manifests in a folder; a file is a split if its name is one.

    Raises:
        SourceError: it cannot be read, or the folder holds no manifest.
    """
    paths = sorted(source.glob(f"*{_SUFFIX}")) if source.is_dir() else [source]
    if not paths:
        raise SourceError(f"{source} holds no file *{_SUFFIX}; name the manifest itself")
    for path in paths:
        for line in json_lines(path):
            yield line if isinstance(line, RefusedRow) else _row(*line, path)


def _row(place: str, line: Mapping[str, Any], path: Path) -> Row:
    notes = [value for name, value in line.items() if name.endswith(_NOTE) and isinstance(value, dict)]
    named = [note for note in notes if note.get("class-name")]
    if len(named) != 1:
        return RefusedRow(
            place, f"it has {len(named)} labels with a class-name; goldloop takes one label each"
        )
    facts, fields = line.get("goldloop"), line.get("fields")
    facts = facts if isinstance(facts, dict) else {}
    picture, text = text_of(line.get("source-ref")), line.get("source")
    return LabelledSample(
        place=place,
        label=str(named[0]["class-name"]),
        sample_id=facts.get("sample_id"),
        file=resolved(picture, path.parent) if picture else None,
        fields=fields if isinstance(fields, dict) else {} if text is None else {"text": text},
        split=split_of(facts.get("split") or path.stem),
        labelled_at=moment_of(named[0].get("creation-date")),
    )
