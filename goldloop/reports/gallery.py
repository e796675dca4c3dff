"""The sections of thumbnails: what annotators labelled, and the gold labels in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from goldloop.core.modality import Preview
from goldloop.core.samples import SampleId
from goldloop.gold.records import GoldRecord
from goldloop.loop.relabel import Relabel
from goldloop.reports.formatting import percent
from goldloop.reports.section import Row, Section, Tile

MOST_TILES = 60
"""A section holds at most this many thumbnails; at 3 KB each the page stays small enough to mail."""

Thumbnails = Mapping[SampleId, Preview]


def shown_gold(records: Sequence[GoldRecord]) -> list[GoldRecord]:
    """Return at most `MOST_TILES` records: disagreements, then corrections of the model, then the newest."""

    def interest(record: GoldRecord) -> tuple[bool, bool, float]:
        return (len(record.votes) < 2, not _is_corrected(record), -record.labelled_at.timestamp())

    return sorted(records, key=interest)[:MOST_TILES]


def _is_corrected(record: GoldRecord) -> bool:
    return record.suggested_label not in (None, record.label)


def gallery_section(records: Sequence[GoldRecord], thumbnails: Thumbnails) -> Section:
    """Return the gold records of most interest that have a thumbnail."""
    tiles = tuple(
        Tile(thumbnails[record.sample_id], record.label, _gold_lines(record), _is_corrected(record))
        for record in shown_gold(records)
        if record.sample_id in thumbnails
    )
    words = (
        f"{len(tiles)} of {len(records):,} gold samples. "
        "A thick frame marks a suggestion that annotators corrected."
    )
    return Section("What annotators labelled", prose=(words,) if tiles else (), tiles=tiles)


def _gold_lines(record: GoldRecord) -> tuple[str, ...]:
    suggested = f"suggested {record.suggested_label}" if record.suggested_label else "blind"
    votes = ", ".join(f"{label} ×{n}" for label, n in record.votes.items())
    return tuple(line for line in (suggested, votes, f"lane {record.lane}") if line)


def label_error_section(relabels: Sequence[Relabel], thumbnails: Thumbnails) -> Section:
    """Return the thumbnails of gold labels in doubt, the least likely label first."""
    tiles = tuple(
        Tile(
            thumbnails[relabel.issue.sample_id],
            relabel.issue.label,
            (
                f"probability {percent(relabel.issue.self_confidence, 0)}",
                f"model: {relabel.issue.suggested_label}",
                relabel.state,
            ),
            relabel.state.startswith("corrected"),
        )
        for relabel in relabels[:MOST_TILES]
        if relabel.issue.sample_id in thumbnails
    )
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
