"""The text reader: decides which rows of a file are samples, and why a row goes into quarantine."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import Arrival, Decoded, FileRef, SampleId, sample_id_of
from goldloop.modalities.content import refuse_link
from goldloop.modalities.files import files_of
from goldloop.modalities.text.csv_jsonl import COLUMNS, Reason, is_unicode, rows_of
from goldloop.modalities.text.fingerprint import fingerprint_of
from goldloop.modalities.text.store import TextStore

MAX_CHARS = 20_000
MAX_ID_CHARS = 200
_KEPT_AT_ONCE = 256  # texts a transaction of the store


class TextReader:
    """Reads rows with an `id` and a `text`, and keeps each good text in the store as it arrives.

    Satisfies `goldloop.core.ports.Reader`. The payload is the text in Unicode's normal form C; further
    columns are metadata. The file is never needed again: `again` reads the store.
    """

    def __init__(self, store: TextStore) -> None:
        self.store = store

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return an iterator over the unknown rows of `source`, each in the store before it is yielded.

        A row that repeats an earlier one of its file, id included, is passed over.
        """
        unknown = (file for file in files_of(source) if not is_known(file))
        return self._kept(row for file in unknown for row in self._rows(file, is_known))

    def again(self, samples: Iterable[tuple[SampleId, FileRef]]) -> Iterator[Arrival]:
        """Yield `samples` from the store."""
        for sample_id, file in samples:
            try:
                yield Arrival(file, sample_id, decoded=self.store.load(sample_id))
            except UnreadableSampleError as error:
                yield Arrival(file, sample_id, reason=error.reason, detail=error.detail)

    def _kept(self, arrivals: Iterator[Arrival]) -> Iterator[Arrival]:
        while part := list(islice(arrivals, _KEPT_AT_ONCE)):
            self.store.add({row.sample_id: row.decoded.payload for row in part if row.decoded})
            yield from part

    def _rows(self, file: FileRef, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        stamps: dict[str, str] = {}
        try:
            refuse_link(file)
            for number, fields in rows_of(file.uri):
                row = _row_ref(file, number, fields)
                first = stamps.get(row.uri)
                stamps.setdefault(row.uri, row.stamp)
                if first != row.stamp and not is_known(row):
                    yield _arrival(row, fields, is_doubled=first is not None)
        except UnreadableSampleError as error:
            yield _set_aside(file, error)


def _arrival(row: FileRef, fields: Mapping[str, Any] | UnreadableSampleError, *, is_doubled: bool) -> Arrival:
    try:
        if isinstance(fields, UnreadableSampleError):
            raise fields
        text = _checked_text(fields)
        if is_doubled:
            detail = "an earlier row of this file has the same id and other content; give each its own id"
            raise UnreadableSampleError(Reason.DOUBLED_ID, detail)
    except UnreadableSampleError as error:
        return _set_aside(row, error)
    metadata = {key: _plain(value) for key, value in fields.items() if key != "text" and value is not None}
    return Arrival(row, sample_id_of(text.encode()), Decoded(text, fingerprint_of(text), metadata))


def _checked_text(fields: Mapping[str, Any]) -> str:
    """Return the text of a row; raises UnreadableSampleError where it, or the id, is not as it should be."""
    row_id, text = (fields.get(column) for column in COLUMNS)
    if row_id is None or row_id == "":
        raise UnreadableSampleError(Reason.MISSING_ID, "the row has no id; give it one")
    if isinstance(row_id, bool) or not isinstance(row_id, (str, int)):
        raise UnreadableSampleError(Reason.WRONG_TYPE, f"the id is {_shown(row_id)}, not a string or integer")
    if text is None or (isinstance(text, str) and not text.strip()):
        raise UnreadableSampleError(Reason.MISSING_FIELD, "the row has no text")
    if not isinstance(text, str):
        raise UnreadableSampleError(Reason.WRONG_TYPE, f"the text is {_shown(text)}, not a string")
    if not is_unicode(_canonical(fields)):
        raise UnreadableSampleError(
            Reason.NOT_UTF8, "the row holds bytes or escapes that are no UTF-8; save the file as UTF-8"
        )
    for name, value, limit in (("id", str(row_id), MAX_ID_CHARS), ("text", text, MAX_CHARS)):
        if len(value) > limit:
            detail = f"the {name} has {len(value):,} characters, the limit is {limit:,}"
            raise UnreadableSampleError(Reason.TOO_LONG, detail)
    return unicodedata.normalize("NFC", text)


def _row_ref(file: FileRef, number: int, fields: Mapping[str, Any] | UnreadableSampleError) -> FileRef:
    """Return where a row stands: under its id where it has one, else under its number."""
    place = f"row={number}"
    if isinstance(fields, UnreadableSampleError):
        content = str(fields)
    else:
        content = _canonical(fields)
        row_id = fields.get("id")
        if row_id not in (None, "") and len(str(row_id)) <= MAX_ID_CHARS:
            place = f"id={quote(str(row_id), safe='', errors='surrogatepass')}"
    encoded = content.encode("utf-8", "surrogatepass")
    return FileRef(f"{file.uri}#{place}", len(encoded), hashlib.sha256(encoded).hexdigest()[:32])


def _set_aside(file: FileRef, error: UnreadableSampleError) -> Arrival:
    """Return a file or row with its reason; its id is the hash of uri and stamp after 'unreadable:'."""
    place = f"unreadable:{file.uri}:{file.stamp}"
    sample_id = sample_id_of(place.encode("utf-8", "surrogatepass"))
    return Arrival(file, sample_id, reason=error.reason, detail=error.detail)


def _canonical(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True)


def _plain(value: Any) -> str | int | float:
    return value if isinstance(value, (str, int, float)) else json.dumps(value, ensure_ascii=False)


def _shown(value: Any) -> str:
    return f"{value!r:.40} ({type(value).__name__})"
