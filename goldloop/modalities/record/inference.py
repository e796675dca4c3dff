"""Inference: what the fields of records seem to be, from rows of a file; the user has the last word."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.record_form import FieldKind
from goldloop.modalities.content import is_database
from goldloop.modalities.record.fields import is_missing
from goldloop.modalities.rows.files import RawRow, once_each, rows_of

N_ROWS = 2000  # rows that are looked at
MOST_WORDS = 60
"""Different words of a category among N_ROWS rows; what has more tells one thing from another."""

_STAKES = ("amount", "value", "price", "stake", "total")
_ENTITIES = ("customer", "account", "user", "client", "cardholder", "card")
_TIMES = ("at", "time", "timestamp", "datetime", "date", "created", "when")
_LATER = ("chargeback", "refund", "dispute", "fraud", "outcome", "verdict", "decision", "resol")
_FLAGS = {"0", "1", "true", "false", "yes", "no", "0.0", "1.0"}


def inferred_form(source: str, labels: Collection[str]) -> dict[str, Any]:
    """Return the section [records] for rows like those of a file, or of a table of a database.

    A column that holds the answer, one of `labels`, is ignored, and so is an empty one. So is a time after
    that of the record, where a column's name tells which that is: what happened then was not known yet.

    Raises:
        SourceError: the source cannot be read, or holds no row.
    """
    try:
        found = islice(_rows(source), N_ROWS)
        rows = [fields for _, fields in found if isinstance(fields, Mapping)]
    except UnreadableSampleError as error:
        raise SourceError(f"{source} cannot be read as records: {error.detail}") from error
    if not rows:
        raise SourceError(f"{source} holds no row to tell the fields of records from; name one with rows")
    columns = dict.fromkeys(name for row in rows for name in row if name != "id")
    kinds = {name: _kind([row.get(name) for row in rows], labels) for name in columns}
    fields = {name: str(kind) for name, kind in kinds.items() if kind is not None}
    stake = _first(fields, _STAKES, FieldKind.NUMBER)
    entity = _first(fields, _ENTITIES)
    if entity is not None:
        fields[entity] = str(FieldKind.NAME)
    times = [name for name, kind in fields.items() if kind == FieldKind.TIME]
    named = _first(fields, _TIMES, FieldKind.TIME)
    later = [name for name in times if named is not None and _comes_after(rows, name, named)]
    time = named or next(iter(times), None)
    roles = {"stake": stake, "entity": entity, "time": time}
    ignored = [name for name, kind in kinds.items() if kind is None or name in later]
    fields = {name: kind for name, kind in fields.items() if name not in later}
    return {"fields": fields, "ignore": ignored} | {role: name for role, name in roles.items() if name}


def sound_late(fields: Iterable[str]) -> list[str]:
    """Return the fields whose names sound like what becomes of a record after its decision."""
    return [name for name in fields if any(word in name.lower() for word in _LATER)]


def _comes_after(rows: Sequence[Mapping[str, Any]], name: str, time: str) -> bool:
    """Return whether `name` holds a time that in no row comes before `time`, and in most comes after it."""
    pairs = [
        (_moment(row[name]), _moment(row[time]))
        for row in rows
        if not is_missing(row.get(name)) and not is_missing(row.get(time))
    ]
    n_after = sum(other > own for other, own in pairs)
    return all(other >= own for other, own in pairs) and 2 * n_after > len(pairs)


def _rows(source: str) -> Iterator[RawRow]:
    def check_header(header: Sequence[str]) -> None:
        once_each(header, ["id"])

    if not is_database(source):
        return rows_of(source, check_header)
    from goldloop.modalities.rows.database import database_of, rows_of_database

    return rows_of_database(database_of(source), check_header)


def _first(fields: Mapping[str, str], words: Sequence[str], kind: FieldKind | None = None) -> str | None:
    """Return the field whose name is one of `words`, or else begins with one and an underscore."""
    named = [name for name in fields if kind is None or fields[name] == kind]
    exact = (name for word in words for name in named if name.lower() == word)
    begun = (name for word in words for name in named if name.lower().startswith(f"{word}_"))
    return next(exact, None) or next(begun, None)


def _kind(values: Sequence[Any], labels: Collection[str]) -> FieldKind | None:
    """Return the kind of a column, None where it is empty or holds the answer."""
    known = [value for value in values if not is_missing(value)]
    if all(str(value) in labels for value in known):
        return None
    texts = {str(value).strip().lower() for value in known}
    if texts <= _FLAGS and len(texts) <= 2:
        return FieldKind.FLAG
    if all(map(_is_number, known)):
        return FieldKind.NUMBER
    if all(map(_is_time, known)):
        return FieldKind.TIME
    return FieldKind.CATEGORY if len(texts) <= MOST_WORDS else FieldKind.NAME


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, (bool, datetime, date)) and float(value) is not None
    except (TypeError, ValueError):
        return False


def _moment(value: str | date) -> datetime:
    moment = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_time(value: Any) -> bool:
    if isinstance(value, (datetime, date)):
        return True
    try:
        return (
            isinstance(value, str) and len(value) >= 8 and datetime.fromisoformat(value.strip()) is not None
        )
    except ValueError:
        return False
