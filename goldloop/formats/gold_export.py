"""What is exported: the records of a gold version with their contents, as labelled samples."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldloop.core.errors import SourceError
from goldloop.core.labels import LabelSet
from goldloop.core.samples import SampleId
from goldloop.formats.labelled import SPLIT_OF, LabelledSample
from goldloop.gold.records import GoldRecord, GoldVersion

FileOf = Callable[[SampleId], Path | None]
"""Where the kept file of a sample lies, None when it is missing."""

ColumnsOf = Callable[[SampleId], Mapping[str, str]]
"""What a table holds of the sample itself: nothing of an image, the text of a text."""

IMAGES = "images"
"""Folder of the pictures beside a file that names them."""


@dataclass(frozen=True, slots=True)
class GoldExport:
    """The records of gold version `version` of the workspace `name`, and where their contents are.

    `file_of` is None for samples that have no file of their own. `licence` is that of the samples, None where
    the user has named none.
    """

    records: Sequence[GoldRecord]
    version: GoldVersion
    labels: LabelSet
    file_of: FileOf | None = None
    columns_of: ColumnsOf = lambda _: {}
    name: str = "gold"
    licence: str | None = None

    @property
    def has_files(self) -> bool:
        """Whether each sample is a file of its own, a picture."""
        return self.file_of is not None

    def copied(self, record: GoldRecord, folder: Path) -> Path:
        """Copy the kept file of a record into `folder` and return the copy.

        Raises:
            SourceError: the file is missing.
        """
        source = self.file_of(record.sample_id) if self.file_of else None
        if source is None:
            raise SourceError(
                f"the kept file of sample {record.sample_id} is missing; restore the workspace's images "
                "folder"
            )
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / source.name
        shutil.copyfile(source, target)
        return target

    def samples(
        self, target: Path, folder_of: Callable[[GoldRecord], str] = lambda _: IMAGES
    ) -> list[LabelledSample]:
        """Return the samples; a picture is copied below `target` and named by its path from there."""
        found = []
        for record in self.records:
            file = None
            if self.has_files:
                file = str(self.copied(record, target / folder_of(record)).relative_to(target))
            found.append(
                LabelledSample(
                    place=record.sample_id,
                    label=record.label,
                    sample_id=record.sample_id,
                    file=file,
                    fields=self.columns_of(record.sample_id),
                    split=SPLIT_OF[record.split],
                    labelled_at=record.labelled_at,
                    facts=facts_of(record),
                )
            )
        return found


def facts_of(record: GoldRecord) -> dict[str, Any]:
    """Return what goldloop knows of a gold sample: how its label was reached, by which chance it came."""
    return {
        "sample_id": record.sample_id,
        "split": SPLIT_OF[record.split],
        "origin": record.source,
        "purpose": str(record.purpose),
        "method": record.method,
        "support": record.support,
        "n_votes": record.n_votes,
        "votes": dict(record.votes),
        "posterior": dict(record.posterior),
        "inclusion_probability": record.inclusion_probability,
        "lane": record.lane,
        "suggested_label": record.suggested_label,
        "group": record.group,
        "entity": record.entity,
        "labelled_at": record.labelled_at.isoformat(),
    }


def flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as cells of a table: votes and posterior as JSON."""
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else value
        for name, value in facts.items()
    }


def write_lines(path: Path, objects: Iterable[Mapping[str, Any]]) -> None:
    """Write a JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
