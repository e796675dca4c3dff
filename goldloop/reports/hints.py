"""Hints as rows: what became of the files that were given, and which hints there are."""

from __future__ import annotations

from collections.abc import Sequence

from goldloop.loop.hints import ListedHint, NewHints
from goldloop.reports.section import Row
from goldloop.selection.hints import RARE_BELOW


def new_hint_rows(found: NewHints) -> list[Row]:
    """Return how many files became hints, and a row for each that was refused."""
    rows: list[Row] = [{"label": found.label, "what": "hints added", "n": found.n_added}]
    if found.n_known:
        rows.append({"label": found.label, "what": "known before", "n": found.n_known})
    return rows + [
        {"label": found.label, "what": f"refused, {one.reason}: {one.uri} ({one.detail})", "n": 0}
        for one in found.refused
    ]


def next_step(found: NewHints) -> str:
    """Return what the hints do from now on."""
    if found.is_steering:
        return (
            f"gold has {found.n_gold} samples of {found.label!r}: `goldloop push` asks about samples "
            f"near the hints until there are {RARE_BELOW}. Hints are no gold, and train no model."
        )
    return (
        f"gold has {found.n_gold} samples of {found.label!r}, so the hints steer nothing: they do only below "
        f"{RARE_BELOW}."
    )


def hint_rows(hints: Sequence[ListedHint]) -> list[Row]:
    """Return a row for each hint."""
    return [
        {
            "label": one.hint.label,
            "gold samples": one.n_gold,
            "steers": "yes" if one.is_steering else "no",
            "file": one.hint.uri,
            "sample": one.hint.sample_id[:12],
            "added": f"{one.hint.at:%Y-%m-%d %H:%M}",
        }
        for one in hints
    ]
