"""Real people's answers to posts: a CSV file with the columns id, annotator and label, one row an answer."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from goldloop.core.errors import SourceError

COLUMNS = ("id", "annotator", "label")

Votes = Mapping[str, str]
"""The labels that annotators gave to one post, by the annotator's name."""


def read_votes(
    path: Path, *, ids: Collection[str], posts: str, labels: Collection[str] = ()
) -> dict[str, Votes]:
    """Return the votes of each post that has some, by the post's id.

    `ids` are those of the file `posts`; `labels` are the labels that may be voted for, all where it is empty.

    Raises:
        SourceError: a column or a value is missing, a post or label is not known, or somebody votes twice.
    """
    found: dict[str, dict[str, str]] = {}
    lines: dict[tuple[str, str], int] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        header = list(reader.fieldnames or ())
        if not set(COLUMNS) <= set(header):
            raise SourceError(f"{path} needs the columns {', '.join(COLUMNS)}, has {header or 'none'}")
        for row in reader:
            row_id, who, label = ((row[name] or "").strip() for name in COLUMNS)
            where = f"{path} line {reader.line_num}"
            if not (row_id and who and label):
                raise SourceError(
                    f"{where}: {', '.join(COLUMNS)} must all be filled, got {row_id!r}, {who!r}, {label!r}"
                )
            if row_id not in ids:
                raise SourceError(f"{where}: {posts} has no post {row_id!r}; add the post or remove the vote")
            if labels and label not in labels:
                raise SourceError(f"{where}: {label!r} is none of the labels {', '.join(labels)}; correct it")
            first = lines.setdefault((row_id, who), reader.line_num)
            if first != reader.line_num:
                raise SourceError(
                    f"{where}: {who!r} has voted for {row_id!r} before, in line {first}; keep one of both"
                )
            found.setdefault(row_id, {})[who] = label
    if len({label for votes in found.values() for label in votes.values()}) < 2:
        raise SourceError(f"{path} needs votes for two labels or more")
    return dict(found)


def label_of(votes: Votes, frequency: Mapping[str, int]) -> str:
    """Return the label of most `votes`, of equally many the one with the largest `frequency`; "" for none."""
    counts = Counter(votes.values())
    return max(counts, key=lambda label: (counts[label], frequency[label]), default="")
