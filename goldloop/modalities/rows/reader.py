"""The reader of rows: decides which rows of a file are samples, and why a row goes into quarantine."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.samples import Arrival, Decoded, FileRef, SampleId, sample_id_of
from goldloop.modalities.content import is_database, refuse_link
from goldloop.modalities.files import files_of
from goldloop.modalities.rows.files import RawFields, RawRow, rows_of
from goldloop.modalities.rows.first_rows import FirstRows
from goldloop.modalities.rows.row import MAX_ID_CHARS, Reason, canonical

_KEPT_AT_ONCE = 4096  # rows a transaction of the store, which waits for the disk
_KEPT_CHARS = 4_000_000  # and characters, because they wait in memory
_LOOK_UP = 64  # rows that are compared with earlier ones at once, which costs half of one by one
_LOOK_UP_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class RowSample:
    """What a row says: the `content` that is its identity, decoded, and what stands `beside` it or ""."""

    content: str
    decoded: Decoded
    beside: str = ""


class RowReader(ABC):
    """Reads rows with an `id`, and keeps the content of each good one as it arrives.

    Satisfies `goldloop.core.ports.Reader`. The file is never needed again: `again` reads what was kept.
    """

    @abstractmethod
    def check_header(self, columns: Sequence[str]) -> None:
        """Check the columns of a file; raises UnreadableSampleError where it cannot be read."""

    @abstractmethod
    def sample_of(self, fields: Mapping[str, Any]) -> RowSample:
        """Return what a row says; raises UnreadableSampleError with the reason of a bad one."""

    @abstractmethod
    def keep(self, contents: Mapping[SampleId, str], beside: Mapping[SampleId, str]) -> None:
        """Keep contents, and what stands beside them; what is kept already stays as it is."""

    @abstractmethod
    def load(self, sample_id: SampleId) -> Decoded:
        """Return a kept sample; raises UnreadableSampleError where it is not there."""

    def arrivals(self, source: str, *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return an iterator over the unknown rows of `source`, each in the store before it is yielded.

        A row that repeats an earlier one of its file or database, id included, is passed over.
        """
        if is_database(source):
            return self._kept(self._rows_of_database(source, is_known))
        return self.of(files_of(source), is_known=is_known)

    def of(self, files: Iterable[FileRef], *, is_known: Callable[[FileRef], bool]) -> Iterator[Arrival]:
        """Return an iterator over the unknown rows of `files`, each in the store before it is yielded."""
        unknown = (file for file in files if not is_known(file))
        return self._kept(row for file in unknown for row in self._rows(file, is_known))

    def row(self, source: str, fields: Mapping[str, Any]) -> tuple[Arrival, RowSample | None]:
        """Return one row that came from `source`, and what it says if it is good; it is not kept yet."""
        ref = _row_ref(source, None, fields)
        return self._arrival(ref, fields, is_doubled=False)

    def again(self, samples: Iterable[tuple[SampleId, FileRef]]) -> Iterator[Arrival]:
        """Yield `samples` from the store."""
        for sample_id, file in samples:
            try:
                yield Arrival(file, sample_id, decoded=self.load(sample_id))
            except UnreadableSampleError as error:
                yield Arrival(file, sample_id, reason=error.reason, detail=error.detail)

    def cases(self, source: str) -> Iterator[Arrival]:
        """Return an iterator over all rows of `source`, none of which is put into the store."""
        files = files_of(source)
        return (row for file in files for row, _ in self._rows(file, lambda _: False))

    def _kept(self, rows: Iterator[tuple[Arrival, RowSample | None]]) -> Iterator[Arrival]:
        """Yield `rows` that are in the store, while a thread that waits for the disk puts the next there."""
        ready: list[tuple[Arrival, RowSample | None]] = []
        with ThreadPoolExecutor(1, thread_name_prefix="rows") as thread:
            for part in _parts(rows):
                kept = thread.submit(self._keep, part)
                yield from (row for row, _ in ready)
                kept.result()
                ready = part
        yield from (row for row, _ in ready)

    def _keep(self, part: list[tuple[Arrival, RowSample | None]]) -> None:
        good = [(row.sample_id, sample) for row, sample in part if sample]
        self.keep(
            {sample_id: sample.content for sample_id, sample in good},
            {sample_id: sample.beside for sample_id, sample in reversed(good) if sample.beside},  # the first
        )

    def _rows(
        self, file: FileRef, is_known: Callable[[FileRef], bool]
    ) -> Iterator[tuple[Arrival, RowSample | None]]:
        try:
            refuse_link(file)
            yield from self._unknown(file.uri, rows_of(file.uri, self.check_header), is_known)
        except UnreadableSampleError as error:
            yield _set_aside(file, error)

    def _rows_of_database(
        self, source: str, is_known: Callable[[FileRef], bool]
    ) -> Iterator[tuple[Arrival, RowSample | None]]:
        from goldloop.modalities.rows.database import database_of, rows_of_database

        database = database_of(source)
        return self._unknown(database.place, rows_of_database(database, self.check_header), is_known)

    def _unknown(
        self, source: str, rows: Iterable[RawRow], is_known: Callable[[FileRef], bool]
    ) -> Iterator[tuple[Arrival, RowSample | None]]:
        first_rows = FirstRows()
        for part in _looked_up(source, rows):
            before, new = first_rows.find([row.uri for row, _ in part]), dict[str, bytes]()
            for row, fields in part:
                content, first = bytes.fromhex(row.stamp), before.get(row.uri)
                if first == content:
                    continue
                if first is None:
                    before[row.uri] = new[row.uri] = content
                if not is_known(row):
                    yield self._arrival(row, fields, is_doubled=first is not None)
            first_rows.add(new)

    def _arrival(
        self, row: FileRef, fields: RawFields | Mapping[str, Any], *, is_doubled: bool
    ) -> tuple[Arrival, RowSample | None]:
        try:
            if isinstance(fields, UnreadableSampleError):
                raise fields
            sample = self.sample_of(fields)
            if is_doubled:
                detail = "an earlier row of this file has the same id and other content; give each its own id"
                raise UnreadableSampleError(Reason.DOUBLED_ID, detail)
        except UnreadableSampleError as error:
            return _set_aside(row, error)
        return Arrival(row, sample_id_of(sample.content.encode()), sample.decoded), sample


def _looked_up(source: str, rows: Iterable[RawRow]) -> Iterator[list[tuple[FileRef, RawFields]]]:
    """Yield `rows` with where they stand, as lists of _LOOK_UP rows, or fewer long ones.

    Rows before an error come before it.
    """
    part: list[tuple[FileRef, RawFields]] = []
    n_bytes = 0
    failed: Exception | None = None
    try:
        for number, fields in rows:
            row = _row_ref(source, number, fields)
            part.append((row, fields))
            n_bytes += row.size
            if len(part) >= _LOOK_UP or n_bytes >= _LOOK_UP_BYTES:
                yield part
                part, n_bytes = [], 0
    except Exception as error:
        failed = error
    yield part
    if failed is not None:
        raise failed


def _parts(
    rows: Iterator[tuple[Arrival, RowSample | None]],
) -> Iterator[list[tuple[Arrival, RowSample | None]]]:
    """Yield `rows` as lists of _KEPT_AT_ONCE rows, or fewer long ones."""
    part: list[tuple[Arrival, RowSample | None]] = []
    n_chars = 0
    for row in rows:
        part.append(row)
        if row[1] is not None:
            n_chars += len(row[1].content) + len(row[1].beside)
        if len(part) >= _KEPT_AT_ONCE or n_chars >= _KEPT_CHARS:
            yield part
            part, n_chars = [], 0
    if part:
        yield part


def _row_ref(source: str, number: int | None, fields: Mapping[str, Any] | UnreadableSampleError) -> FileRef:
    """Return where a row stands: under its id where it has one, else its number, else what it holds."""
    place = f"row={number}"
    if isinstance(fields, UnreadableSampleError):
        content = str(fields)
    else:
        content = canonical(fields)
        row_id = fields.get("id")
        if row_id not in (None, "") and len(str(row_id)) <= MAX_ID_CHARS:
            place = f"id={quote(str(row_id), safe='', errors='surrogatepass')}"
    encoded = content.encode("utf-8", "surrogatepass")
    stamp = hashlib.sha256(encoded).hexdigest()[:32]
    if place == "row=None":
        place = f"row={stamp[:16]}"
    return FileRef(f"{source}#{place}", len(encoded), stamp)


def _set_aside(file: FileRef, error: UnreadableSampleError) -> tuple[Arrival, None]:
    """Return a file or row with its reason; its id is the hash of uri and stamp after 'unreadable:'."""
    place = f"unreadable:{file.uri}:{file.stamp}"
    sample_id = sample_id_of(place.encode("utf-8", "surrogatepass"))
    return Arrival(file, sample_id, reason=error.reason, detail=error.detail), None
