"""Arrivals of an import: which sample each row of a file means, and those that have not arrived yet.

Samples that come with their labels are read in like any other: a list of the pictures, or a file of the rows
without their labels, is kept in the workspace and scored as a batch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldloop.core.disk import make_folder, write_whole
from goldloop.core.errors import SettingsError, UnreadableSampleError
from goldloop.core.samples import SampleId, sample_id_of
from goldloop.formats.labelled import LabelledSample, RefusedRow, is_there
from goldloop.labeling.kept_content import keep_samples
from goldloop.loop.ports import LoopPorts
from goldloop.loop.score import score_files
from goldloop.modalities.content import read_content, uri_of
from goldloop.modalities.rows.reader import RowReader
from goldloop.tables.batches import find_samples, read_quarantined, read_samples

TEXT_COLUMNS = ("id", "text", "author", "thread", "thread_id", "at")
"""Columns of a text that an import takes; all others stay out, because annotators would see them."""

_NAMES = ("id", "file", "file_name", "filename", "image", "path", "external_id")
"""Columns by which a row names a sample that has arrived already."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The samples that rows mean, the rows that mean none, and how many samples arrived with them."""

    found: Sequence[tuple[LabelledSample, SampleId]]
    refused: Sequence[RefusedRow]
    n_new: int


@dataclass(slots=True)
class _Rows:
    """Rows by what is known of their sample; `lines` are what has to be read in, by sample."""

    known: list[tuple[LabelledSample, SampleId]] = field(default_factory=list)
    named: list[LabelledSample] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    lines: dict[SampleId, str] = field(default_factory=dict)


def arrive(ports: LoopPorts, rows: Iterable[LabelledSample], source: Path) -> Arrived:
    """Find the sample of each row, read in those that have not arrived, and keep the content of all.

    Raises:
        BusyError: samples have to be read in, and another process scores.
        SettingsError: the ports have no folder for imports.
    """
    looked_at = _Rows()
    for row in rows:
        _look_at(ports, row, looked_at)
    before = read_samples(ports.tables, [sample_id for _, sample_id in looked_at.known])
    new = {sample_id: line for sample_id, line in looked_at.lines.items() if sample_id not in before}
    if new:
        _read_in(ports, list(new.values()), source)
    found = [*looked_at.known, *_by_name(ports, looked_at)]
    return _kept(ports, found, looked_at, n_before=len(before))


def _look_at(ports: LoopPorts, row: LabelledSample, rows: _Rows) -> None:
    """Add a row: as that of a sample by its content, or else by its name."""
    look = _picture if ports.settings.kind == "image" else _fields
    try:
        content = look(ports, row)
    except UnreadableSampleError as error:
        rows.refused.append(RefusedRow(row.place, f"{error.detail}; the sample cannot be read"))
        return
    if content is None:
        rows.named.append(row)
        return
    sample_id, line = content
    rows.known.append((row, sample_id))
    rows.lines.setdefault(sample_id, line)


def _picture(ports: LoopPorts, row: LabelledSample) -> tuple[SampleId, str] | None:
    """Return the sample of a picture that is beside the file or in it, and where it lies."""
    if row.content is not None:
        sample_id = sample_id_of(row.content)
        path = imports_folder(ports) / "pictures" / sample_id
        make_folder(path.parent)
        if not path.exists():
            write_whole(path, row.content)
        return sample_id, str(path)
    if row.file is None or ("://" not in row.file and not is_there(Path(row.file))):
        return None
    uri = row.file if "://" in row.file else uri_of(str(Path(row.file).absolute()))
    return sample_id_of(read_content(uri)), uri


def _fields(ports: LoopPorts, row: LabelledSample) -> tuple[SampleId, str] | None:
    """Return the sample of a text or record that stands in the row, and the row without its label."""
    form, reader = ports.settings.record_form, ports.modality.reader
    wanted = TEXT_COLUMNS if ports.settings.kind == "text" else ("id", *form.fields)
    fields = {name: row.fields[name] for name in wanted if row.fields.get(name) not in (None, "")}
    if not fields.keys() - {"id"} or (ports.settings.kind == "text" and "text" not in fields):
        return None
    fields.setdefault("id", row.sample_id or _digest(fields)[:16])
    if not isinstance(reader, RowReader):
        raise SettingsError(f"samples of the kind {ports.settings.kind!r} have no rows to import")
    arrival, _ = reader.row("import", fields)
    if arrival.reason is not None:
        raise UnreadableSampleError(arrival.reason, arrival.detail)
    return arrival.sample_id, json.dumps(fields, ensure_ascii=False, default=str)


def _read_in(ports: LoopPorts, lines: Sequence[str], source: Path) -> None:
    """Score what has not arrived, as a batch that is kept in the workspace."""
    content = "".join(f"{line}\n" for line in lines)
    suffix = "txt" if ports.settings.kind == "image" else "jsonl"
    path = imports_folder(ports) / f"{source.stem or 'labels'}-{_digest(content)[:12]}.{suffix}"
    make_folder(path.parent)
    write_whole(path, content)
    score_files(ports, str(path))


def _by_name(ports: LoopPorts, rows: _Rows) -> list[tuple[LabelledSample, SampleId]]:
    """Return the samples of rows that only name them; the others are refused."""
    names_of = [(row, _names(row)) for row in rows.named]
    hits = find_samples(ports.tables, {name for _, names in names_of for name in names})
    found = []
    for row, names in names_of:
        sample_ids = next((hits[name] for name in names if hits[name]), set())
        if len(sample_ids) == 1:
            found.append((row, next(iter(sample_ids))))
        else:
            rows.refused.append(RefusedRow(row.place, _unfound(ports.settings.kind, names, len(sample_ids))))
    return found


def _names(row: LabelledSample) -> list[str]:
    """Return what a row calls its sample, the surest first."""
    given = [row.sample_id, row.file, row.file and Path(row.file).name]
    given += [row.fields.get(name) for name in _NAMES if isinstance(row.fields.get(name), (str, int))]
    return list(dict.fromkeys(str(name) for name in given if name not in (None, "")))


def _unfound(kind: str, names: Sequence[str], n: int) -> str:
    called = repr(names[-1])[:80] if names else "nothing"
    if n > 1:
        return f"{n} samples are named {called}; give the sample_id, or the place such as posts.csv#id=17"
    beside = {
        "image": "put the picture beside the file",
        "text": "give the column text",
        "records": "give the fields of the record",
    }
    return f"no sample is named {called}; {beside[kind]}, or run `goldloop score` on it first"


def _kept(
    ports: LoopPorts, found: Sequence[tuple[LabelledSample, SampleId]], rows: _Rows, *, n_before: int
) -> Arrived:
    """Keep the content of the samples; those that were set aside or are gone are refused."""
    sample_ids = list(dict.fromkeys(sample_id for _, sample_id in found))
    present = read_samples(ports.tables, sample_ids)
    reasons = (
        read_quarantined(ports.tables, set(rows.lines.values())) if len(present) < len(sample_ids) else {}
    )
    lost = keep_samples(ports.tables, ports.modality.store, list(present)).lost
    good, refused = [], list(rows.refused)
    for row, sample_id in found:
        if sample_id in present and sample_id not in lost:
            good.append((row, sample_id))
            continue
        why = lost.get(sample_id) or reasons.get(rows.lines.get(sample_id, ""), "it was set aside")
        refused.append(RefusedRow(row.place, f"{why}; `goldloop quarantine` shows what was set aside"))
    known = {sample_id for _, sample_id in rows.known}
    return Arrived(good, refused, len(present.keys() & known) - n_before)


def imports_folder(ports: LoopPorts) -> Path:
    """Return where samples that came with their labels are kept.

    Raises:
        SettingsError: the ports have none.
    """
    if ports.imports_folder is None:
        raise SettingsError("these ports have no folder for imports; use those of a workspace")
    return ports.imports_folder


def _digest(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
