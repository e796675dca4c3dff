"""Posts with known labels: made by the demo, or a user's own file with a label column or a file of votes."""

from __future__ import annotations

import csv
import json
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.samples import sample_id_of
from goldloop.modalities.rows.files import once_each, rows_of
from goldloop.modalities.text.posts import COLUMNS, THREAD, post_of
from scripts.demo_loop.labelled import LabelledSample, LabelledSamples, drawn, parted
from scripts.demo_loop.votes import Votes, label_of, read_votes

if TYPE_CHECKING:
    from goldloop.wiring import Wiring

LABEL = "label"
"""Column of the true label; annotators never see it."""

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # a screen shows these otherwise than a file holds them

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Post(LabelledSample):
    """A post, whose true label is known; `fields` are its columns by name, without the label."""

    place: int
    fields: Mapping[str, str]


class Posts(LabelledSamples[Post]):
    """Posts with known labels. Satisfies `scripts.demo_loop.labelled.LabelledSamples`."""

    kind, noun = "text", "posts"

    def write_pool(self, folder: Path) -> Path:
        """Write the pool as a CSV file, without the labels."""
        return _write_rows(self.pool, folder / "pool.csv")

    def payloads(self, parts: Wiring, samples: Sequence[Post]) -> list[Any]:
        """Return the texts, beside their features where the preset has some.

        They are kept in the folder `judged` of the workspace, apart from what its own models learn from.
        """
        from goldloop.wiring import Wiring

        apart = Wiring(replace(parts.workspace, root=parts.workspace.root / "judged"))
        reader = apart.modality.for_preset(parts.settings.model.preset).reader
        with tempfile.TemporaryDirectory() as folder:
            plain = [replace(one, fields={key: one.fields[key] for key in ("id", "text")}) for one in samples]
            source = _write_rows(plain, Path(folder) / "posts.csv")
            arrived = {
                one.sample_id: one.decoded.payload
                for one in reader.arrivals(str(source), is_known=lambda _: False)
                if one.decoded
            }
        return [arrived[one.sample_id] for one in samples]


def posts_of(rows: Sequence[tuple[str, Row]], *, labels: tuple[str, ...], seed: int) -> Posts:
    """Return posts with the labels of `rows`, pairs of label and columns; of equal texts the first counts."""
    found: dict[str, Post] = {}
    for place, (label, row) in enumerate(rows):
        post = _post(place, row, label)
        found.setdefault(post.sample_id, post)
    return _parted(list(found.values()), labels, seed)


def own_posts(path: Path, *, seed: int, limit: int | None) -> Posts:
    """Return the posts of a CSV, JSONL or Parquet file, whose true labels stand in the column `label`.

    Raises:
        SourceError: a row is not usable, or has no label.
    """
    rows = _rows(path)
    labels = {number: _label(row, path, number) for number, row in rows.items()}
    pairs = drawn([(labels[number], row) for number, row in rows.items()], seed=seed, limit=limit)
    return posts_of(pairs, labels=tuple(sorted({label for label, _ in pairs})), seed=seed)


def voted_posts(
    path: Path,
    votes_csv: Path,
    *,
    labels: tuple[str, ...] = (),
    seed: int,
    limit: int | None,
    say: Callable[[str], None],
) -> Posts:
    """Return the posts of a file for which `votes_csv` has votes; the label is that of most of them.

    A tie goes to the label that is more frequent among all votes. `labels` are all there are, by default
    those of the votes.

    Raises:
        SourceError: a row or a vote is not usable.
    """
    rows = {str(row["id"]): row for row in _rows(path).values()}
    votes = read_votes(votes_csv, ids=rows.keys(), posts=path.name, labels=labels)
    frequency = Counter(label for given in votes.values() for label in given.values())
    first: dict[str, Post] = {}
    for place, (row_id, row) in enumerate(rows.items()):
        post = _post(place, row, "")
        given: Votes = votes.get(row_id, {})
        first.setdefault(post.sample_id, replace(post, votes=given, label=label_of(given, frequency)))
    voted = [one for one in first.values() if one.votes]
    say(
        f"{len(rows):,} posts in {path.name}: {len(rows) - len(first):,} repeat the text of another and are "
        f"left out with their votes, {len(first) - len(voted):,} have no vote and are left out"
    )
    return _parted(drawn(voted, seed=seed, limit=limit), labels or tuple(sorted(frequency)), seed)


def _parted(found: list[Post], labels: tuple[str, ...], seed: int) -> Posts:
    return Posts(labels, *parted(found, seed=seed, place=lambda one: one.place))


def _rows(path: Path) -> dict[int, Row]:
    """Return the rows of a file of posts by number, checked as `goldloop score` checks them.

    Raises:
        SourceError: the file or a row is not usable.
    """
    rows, seen = dict[int, Row](), dict[str, int]()
    try:
        for number, fields in rows_of(str(path), lambda header: once_each(header, COLUMNS)):
            if isinstance(fields, UnreadableSampleError):
                raise fields
            post_of(fields, lambda name: name)
            first = seen.setdefault(str(fields["id"]), number)
            if first != number:
                raise SourceError(
                    f"{path} row {number}: row {first} has the same id {fields['id']!r}; change one"
                )
            rows[number] = fields
    except UnreadableSampleError as error:
        raise SourceError(f"{path} after row {len(rows)}: {error}") from error
    if not rows:
        raise SourceError(f"{path} has no posts; give it rows with id and text")
    return rows


def _label(row: Row, path: Path, number: int) -> str:
    label = str(row.get(LABEL) or "").strip()
    if not label:
        raise SourceError(
            f"{path} row {number} has no {LABEL}; fill that column, or give people's answers with --votes"
        )
    return label


def _post(place: int, row: Row, label: str) -> Post:
    shown = _UNSEEN.sub("", str(row["text"]).replace("\r\n", "\n").replace("\r", "\n"))
    text = unicodedata.normalize("NFC", shown)
    rest = {key: _plain(key, value) for key, value in row.items() if key not in ("id", "text", LABEL)}
    fields = {"id": str(row["id"]), "text": text, **rest}
    return Post(place=place, sample_id=sample_id_of(text.encode()), label=label, fields=fields)


def _plain(column: str, value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value) if column == THREAD and not isinstance(value, str) else str(value)


def _write_rows(posts: Sequence[Post], path: Path) -> Path:
    columns = list(dict.fromkeys(name for one in posts for name in one.fields))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(one.fields for one in posts)
    return path
