"""Prodigy: JSONL as `prodigy db-out` writes it, of binary labels or of a choice among options."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goldloop.formats.gold_export import GoldExport, write_lines
from goldloop.formats.labelled import (
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

FILE = "annotations.jsonl"


def write_prodigy(export: GoldExport, target: Path) -> None:
    """Write `annotations.jsonl`, each a choice that was accepted; pictures lie in `images` beside it."""
    target.mkdir()
    options = [{"id": label, "text": label} for label in export.labels]
    write_lines(
        target / FILE,
        (
            ({"image": one.file} if one.file else dict(one.fields))
            | {
                "options": options,
                "accept": [one.label],
                "answer": "accept",
                "_view_id": "choice",
                "meta": {"split": one.split, "goldloop": one.facts},
            }
            for one in export.samples(target)
        ),
    )


def read_prodigy(source: Path) -> Iterator[Row]:
    """Yield what each line says, or each of `annotations.jsonl` in the folder `source`.

    Raises:
        SourceError: it cannot be read.
    """
    path = file_in(source, (FILE,))
    for line in json_lines(path):
        yield line if isinstance(line, RefusedRow) else _row(*line, path.parent)


def _row(place: str, line: Mapping[str, Any], folder: Path) -> Row:
    answer, label = line.get("answer", "accept"), _label(line)
    if answer != "accept":
        return RefusedRow(place, f"its answer is {answer!r}, which gives no label; remove the line")
    if label is None:
        return RefusedRow(place, f"it accepts {line.get('accept')!r:.60}; goldloop takes one label each")
    meta = line["meta"] if isinstance(line.get("meta"), dict) else {}
    facts = meta["goldloop"] if isinstance(meta.get("goldloop"), dict) else {}
    try:
        file, content = _picture(line.get("image"), folder)
    except binascii.Error as error:
        return RefusedRow(place, f"its image is no base64: {error}; export it again")
    return LabelledSample(
        place=place,
        label=label,
        sample_id=facts.get("sample_id"),
        file=file,
        content=content,
        fields=line,
        split=split_of(meta.get("split")),
        annotator=text_of(line.get("_annotator_id")),
        labelled_at=moment_of(line.get("_timestamp") or facts.get("labelled_at")),
    )


def _label(line: Mapping[str, Any]) -> str | None:
    accepted = line.get("accept")
    if isinstance(accepted, list):
        return text_of(accepted[0]) if len(accepted) == 1 else None
    return text_of(line.get("label"))


def _picture(value: Any, folder: Path) -> tuple[str | None, bytes | None]:
    name = text_of(value)
    if name is None:
        return None, None
    if name.startswith("data:"):
        return None, base64.b64decode(name.partition(",")[2], validate=True)
    return resolved(name, folder), None
