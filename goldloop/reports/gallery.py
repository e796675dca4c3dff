"""The sections of thumbnails: what annotators labelled, and the gold labels in doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from goldloop.core.modality import Preview
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord
from goldloop.loop.relabel import Relabel
from goldloop.reports.formatting import percent
from goldloop.reports.section import Row, Section, Tile

MOST_TILES = 60
"""A section holds at most this many thumbnails; at 3 KB each the page stays small enough to mail."""

Previews = Callable[[SampleId], Preview | None]


def gallery_section(records: Sequence[GoldRecord], preview: Previews) -> Section:
    """Return at most `MOST_TILES` gold records that have a thumbnail.

    Disagreements come first, then corrections of the model, then the newest.
    """

    def is_corrected(record: GoldRecord) -> bool:
        return record.suggested_label not in (None, record.label)

    def interest(record: GoldRecord) -> tuple[bool, bool, float]:
        return (len(record.votes) < 2, not is_corrected(record), -record.labelled_at.timestamp())

    tiles = [
        Tile(thumbnail, record.label, _gold_lines(record), is_corrected(record))
        for record in sorted(records, key=interest)[:MOST_TILES]
        if (thumbnail := preview(record.sample_id)) is not None
    ]
    words = (
        f"{len(tiles)} of {len(records):,} gold samples. "
        "A thick frame marks a suggestion that annotators corrected."
    )
    return Section("What annotators labelled", prose=(words,) if tiles else (), tiles=tiles)


def _gold_lines(record: GoldRecord) -> list[str]:
    suggested = f"suggested {record.suggested_label}" if record.suggested_label else "blind"
    votes = ", ".join(f"{label} ×{n}" for label, n in record.votes.items())
    return [line for line in (suggested, votes, f"lane {record.lane}") if line]


def label_error_section(relabels: Sequence[Relabel], preview: Previews) -> Section:
    """Return the thumbnails of at most `MOST_TILES` gold labels in doubt, the least likely label first."""
    tiles = []
    for relabel in relabels[:MOST_TILES]:
        issue, thumbnail = relabel.issue, preview(relabel.issue.sample_id)
        if thumbnail is not None:
            doubt = (f"probability {percent(issue.self_confidence, 0)}", f"model: {issue.suggested_label}")
            is_corrected = relabel.state.startswith("corrected")
            tiles.append(Tile(thumbnail, issue.label, (*doubt, relabel.state), is_corrected))
    words = (
        f"{len(tiles)} of {len(relabels):,} labels that models which never saw the sample find unlikely, the "
        "least likely first. A thick frame marks those that annotators corrected after a blind second look."
    )
    return Section("Gold labels in doubt", prose=(words,) if tiles else (), tiles=tiles)


def label_error_rows(relabels: Sequence[Relabel]) -> list[Row]:
    """Return the gold labels in doubt, a row each."""
    return [
        {
            "rank": relabel.issue.rank,
            "sample": relabel.issue.sample_id[:12],
            "label": relabel.issue.label,
            "model's label": relabel.issue.suggested_label,
            "probability of the label": percent(relabel.issue.self_confidence),
            "state": relabel.state,
        }
        for relabel in relabels
    ] or [{"rank": "-", "state": "nothing in doubt"}]
