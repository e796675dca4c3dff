"""Galleries: samples worth a look, each with its file, its labels and what models say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from goldloop.core.modality import Preview
from goldloop.core.samples import SampleId
from goldloop.loop.relabel import Relabel
from goldloop.reports.formatting import Cell, percent
from goldloop.reports.sample_facts import Opinion, SampleFacts
from goldloop.reports.section import Row, Section, Tile

MOST_TILES = 24
"""A gallery shows at most this many samples; at 5 KB each the page stays small enough to mail."""

Previews = Callable[[SampleId, Sequence[str]], Preview | None]
"""The preview of a sample, which may be read from one of these addresses."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A sample that a gallery shows: its headline, and lines that say why it is there.

    `opinions` are shown in place of the newest prediction. A marked sample gets a thick frame.
    """

    sample_id: SampleId
    headline: str
    why: Sequence[str] = ()
    opinions: Sequence[Opinion] = ()
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Gallery:
    """The samples that answer one question, in order, of which the first `MOST_TILES` are shown.

    `words` say what they are. `nothing` is the sentence that stands there when there are none. `n` counts
    all of them where `picks` holds only the first.
    """

    title: str
    picks: Sequence[Pick]
    words: str
    nothing: str
    n: int | None = None
    remarks: Sequence[Cell] = ()

    @property
    def shown(self) -> Sequence[Pick]:
        """The samples that the page shows."""
        return self.picks[:MOST_TILES]


def gallery_section(gallery: Gallery, facts: SampleFacts, preview: Previews) -> Section:
    """Return the section of a gallery; a sample that can be read nowhere is shown without its content."""
    if not gallery.picks:
        return Section(gallery.title, prose=(gallery.nothing,))
    n_all = len(gallery.picks) if gallery.n is None else gallery.n
    n_more = n_all - len(gallery.shown)
    rest = f" Not shown: {n_more:,} more." if n_more else ""
    return Section(
        gallery.title,
        prose=(f"{gallery.words}{rest}",),
        remarks=gallery.remarks,
        tiles=[_tile(pick, facts, preview) for pick in gallery.shown],
    )


def _tile(pick: Pick, facts: SampleFacts, preview: Previews) -> Tile:
    sample_id = pick.sample_id
    return Tile(
        preview=preview(sample_id, facts.uris(sample_id)),
        title=pick.headline,
        lines=(*pick.why, *facts.lines(sample_id)),
        is_marked=pick.is_marked,
        name=facts.file_name(sample_id),
        sample_id=sample_id,
        opinions=facts.opinions(sample_id, pick.opinions),
    )


def label_error_rows(relabels: Sequence[Relabel]) -> list[Row]:
    """Return the gold labels in doubt, a row each."""
    return [
        {
            "rank": relabel.issue.rank,
            "sample": relabel.issue.sample_id[:12],
            "label": relabel.issue.label,
            "model's label": relabel.issue.suggested_label,
            "probability of the label": percent(relabel.issue.self_confidence),
            "origin": relabel.origin,
            "state": relabel.state,
        }
        for relabel in relabels
    ] or [{"rank": "-", "state": "nothing in doubt"}]
