"""Imported labels: what files said of samples that annotators of this workspace were not asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from goldloop.core.reported_outcomes import Placement
from goldloop.core.samples import SampleId


@dataclass(frozen=True, slots=True)
class ImportedLabel:
    """One label of one sample in a file that was imported.

    `digest` is the same where a file says the same of the sample. `source` is the file, `format` its format
    and `place` the line, image or task in it. `annotator` and `labelled_at` are what the file tells of who
    gave the label and when. `split` is the split in the file, if it has one. `is_random` says that the user
    declared the samples of the file a random draw.
    """

    digest: str
    sample_id: SampleId
    label: str
    source: str
    format: str
    place: str
    annotator: str | None
    labelled_at: datetime | None
    split: str | None
    is_random: bool
    imported_at: datetime
    position: int
    placement: Placement | None = None


@dataclass(frozen=True, slots=True)
class KnownImport:
    """What the imported labels of a sample come to: the likeliest label, and the share of each.

    `known_at` is when the label was given as the file says, or else when it was imported.
    """

    sample_id: SampleId
    label: str
    shares: Mapping[str, float]
    known_at: datetime
    placement: Placement


def imports_by_sample(imported: Iterable[ImportedLabel]) -> dict[SampleId, list[ImportedLabel]]:
    """Return the imported labels of each sample, in the order given."""
    found: dict[SampleId, list[ImportedLabel]] = {}
    for one in imported:
        found.setdefault(one.sample_id, []).append(one)
    return found


def known_imports(imported: Iterable[ImportedLabel]) -> Mapping[SampleId, KnownImport]:
    """Return what is known of each sample by imported labels, in order of sample_id.

    Of several imports the newest decides, so that a corrected file corrects. Within one import the label of
    most rows decides; where two have equally many, nothing does. The placement of a sample is its first.
    """
    known = {}
    for sample_id, mine in sorted(imports_by_sample(imported).items()):
        newest = max(one.imported_at for one in mine)
        rows = [one for one in mine if one.imported_at == newest]
        counts = Counter(one.label for one in rows).most_common()
        placement = next((one.placement for one in mine if one.placement is not None), None)
        is_tied = len(counts) > 1 and counts[0][1] == counts[1][1]
        if is_tied or placement is None:
            continue
        moments = [one.labelled_at for one in rows if one.labelled_at is not None]
        known[sample_id] = KnownImport(
            sample_id=sample_id,
            label=counts[0][0],
            shares={label: n / len(rows) for label, n in sorted(counts)},
            known_at=max(moments, default=newest),
            placement=placement,
        )
    return known
