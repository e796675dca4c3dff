"""The Croissant card: `croissant.json` describes an exported folder as JSON-LD (MLCommons Croissant 1.1)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet

from goldloop.formats.gold_export import GoldExport, write_json
from goldloop.formats.labelled import SPLIT_OF

FILE = "croissant.json"
_WHITE = re.compile(r"\s+")  # which no id of a card may hold
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MIME = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".ndjson": "application/jsonlines",
    ".manifest": "application/jsonlines",
    ".parquet": "application/x-parquet",
    ".md": "text/markdown",
}
_NUMBERS = {"support": "sc:Integer", "n_votes": "sc:Integer", "inclusion_probability": "sc:Float"}
"""Columns that are no texts."""


def write_croissant(export: GoldExport, folder: Path) -> None:
    """Write the card of what lies in `folder`: licence, counts, the digest of gold and that of each file."""
    described = [one for one in sorted(folder.rglob("*")) if one.is_file() and one.suffix in _MIME]
    pictures = {one.suffix for one in folder.rglob("*") if one.is_file() and one.suffix not in _MIME}
    version, counts = export.version, Counter(SPLIT_OF[record.split] for record in export.records)
    shown = ", ".join(f"{n} {split}" for split, n in sorted(counts.items()))
    card = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": export.name,
        "description": f"{len(export.records)} samples ({shown}) with the labels {', '.join(export.labels)}; "
        f"gold version {version.version} of goldloop, digest {version.digest}.",
        "identifier": f"sha256:{version.digest}",
        "version": f"{version.version}.0.0",
        "datePublished": f"{version.created_at:%Y-%m-%d}",
        "license": export.licence or "not stated",
        "creator": {"@type": "sc:Organization", "name": export.name},
        "url": ".",
        "citeAs": f"{export.name}, gold version {version.version}, sha256:{version.digest}",
        "additionalProperty": [
            {"@type": "sc:PropertyValue", "name": f"samples in {split}", "value": n}
            for split, n in sorted(counts.items())
        ],
        "distribution": [_file(one, folder) for one in described]
        + [_file_set(suffix, number) for number, suffix in enumerate(sorted(pictures))],
        "recordSet": list(_record_sets(described, folder)),
    }
    write_json(folder / FILE, card)


def _file(path: Path, folder: Path) -> dict[str, Any]:
    name = str(path.relative_to(folder))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": _MIME[path.suffix],
        "sha256": digest,
    }


def _file_set(suffix: str, number: int) -> dict[str, Any]:
    form = "image/jpeg" if suffix.lower() in (".jpg", ".jpeg") else f"image/{suffix[1:].lower()}"
    return {
        "@type": "cr:FileSet",
        "@id": f"pictures-{number}",
        "name": f"pictures-{number}",
        "description": f"pictures {suffix}",
        "encodingFormat": form,
        "includes": f"**/*{suffix}",
    }


def _record_sets(files: list[Path], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the columns of each file of rows."""
    for path in files:
        if path.suffix == ".parquet":
            columns = pyarrow.parquet.read_schema(path).names
        elif path.suffix == ".csv":
            columns = pyarrow.csv.open_csv(path).schema.names
        else:
            continue
        name = str(path.relative_to(folder))
        yield {
            "@type": "cr:RecordSet",
            "@id": f"rows/{name}",
            "name": f"rows/{name}",
            "field": [
                {
                    "@type": "cr:Field",
                    "@id": f"rows/{name}/{_WHITE.sub('_', column)}",
                    "name": column,
                    "description": column,
                    "dataType": _NUMBERS.get(column, "sc:Text"),
                    "source": {"fileObject": {"@id": name}, "extract": {"column": column}},
                }
                for column in columns
            ],
        }
