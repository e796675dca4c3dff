"""Fields: what the columns of a row say of one record, checked against the form of records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite, isnan
from typing import Any

from goldloop.core.errors import UnreadableSampleError
from goldloop.core.record_form import FieldKind, RecordForm
from goldloop.modalities.rows.pseudonyms import Pseudonyms
from goldloop.modalities.rows.row import Reason, is_unicode

Value = str | float | bool
"""A value of a field; a time is ISO 8601 in UTC."""

MAX_CHARS = 1000
"""Limit of a value that is text, and of the id."""

_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True)  # making one takes as long as a record
_FLAGS: Mapping[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its id, and its values by field in the order of its form; a missing value is left out.

    `entity` is the pseudonym of whom it is about, None where that is not known. It is no part of the
    identity: another workspace has other pseudonyms.
    """

    id: str
    values: Mapping[str, Value]
    entity: str | None = None

    @property
    def canonical(self) -> str:
        """Return the record as JSON, the same for equal records: its identity is the digest of this."""
        return _JSON.encode({"id": self.id, **self.values})


def record_from(canonical: str) -> Record:
    """Return the record that `canonical` describes."""
    values = json.loads(canonical)
    return Record(values.pop("id"), values)


def check_columns(columns: Iterable[str], form: RecordForm) -> None:
    """Check that `form` names every one of `columns`.

    Raises:
        UnreadableSampleError: names the first that it does not.
    """
    known = {"id", *form.fields, *form.ignore}
    unknown = next((name for name in columns if name not in known), None)
    if unknown is not None:
        raise UnreadableSampleError(
            Reason.UNKNOWN_COLUMN,
            f"the column {unknown!r} is none of [records.fields]; add it there with its kind, or to "
            "records.ignore",
        )


def record_of(fields: Mapping[str, Any], form: RecordForm, pseudonym: Pseudonyms) -> Record:
    """Return what a row says; of the entity it holds the pseudonym.

    Raises:
        UnreadableSampleError: with the quarantine reason of the first value that is not as it should be.
    """
    check_columns(fields, form)
    row_id = _text("id", fields.get("id"), Reason.MISSING_ID)
    if row_id is None:
        raise UnreadableSampleError(Reason.MISSING_ID, "the row has no id; give it one")
    found = {name: _PARSERS[one.kind](name, fields.get(name)) for name, one in form.fields.items()}
    if form.stake and found[form.stake] is None:
        raise UnreadableSampleError(Reason.MISSING_FIELD, f"the row has no {form.stake}, which is at stake")
    entity = found.pop(form.entity) if form.entity else None
    values = {name: value for name, value in found.items() if value is not None}
    return Record(row_id, values, pseudonym(str(entity), form.entity or "") if entity is not None else None)


def is_missing(value: Any) -> bool:
    """Return whether there is no value; what is no number is how tables of numbers say so."""
    is_nan = isinstance(value, float) and isnan(value)
    return value is None or is_nan or (isinstance(value, str) and not value.strip())


def _wrong(name: str, value: Any, wanted: str) -> UnreadableSampleError:
    shown = f"{value!r:.40} ({type(value).__name__})"
    return UnreadableSampleError(Reason.WRONG_TYPE, f"the {name} is {shown}, not {wanted}")


def _text(name: str, value: Any, missing: Reason = Reason.MISSING_FIELD) -> str | None:
    if is_missing(value):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _wrong(name, value, "a string or integer")
    text = str(value).strip()
    if not is_unicode(text):
        raise UnreadableSampleError(
            Reason.NOT_UTF8, f"the {name} holds bytes that are no UTF-8; save as UTF-8"
        )
    if len(text) > MAX_CHARS:
        detail = f"the {name} has {len(text):,} characters, the limit is {MAX_CHARS:,}"
        raise UnreadableSampleError(Reason.TOO_LONG, detail)
    return text


def _number(name: str, value: Any) -> float | None:
    if is_missing(value):
        return None
    try:
        if isinstance(value, (bool, bytes)):
            raise TypeError
        number = float(value) if isinstance(value, (str, int, float, Decimal)) else None
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not isfinite(number):
        raise _wrong(name, value, "a finite number; write it as 1234.5")
    return number + 0.0  # there is one zero


def _flag(name: str, value: Any) -> bool | None:
    if is_missing(value):
        return None
    found = _FLAGS.get(str(value).strip().lower())
    if found is None and isinstance(value, float) and value in (0.0, 1.0):
        found = bool(value)
    if found is None:
        raise _wrong(name, value, "true or false")
    return found


def _time(name: str, value: Any) -> str | None:
    if is_missing(value):
        return None
    try:
        if isinstance(value, date) and not isinstance(value, datetime):
            value = value.isoformat()
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise _wrong(name, value, "a time; write ISO 8601, such as 2026-03-01T09:30:00Z") from None


_PARSERS: Mapping[FieldKind, Callable[[str, Any], Value | None]] = {
    FieldKind.NUMBER: _number,
    FieldKind.CATEGORY: _text,
    FieldKind.FLAG: _flag,
    FieldKind.TIME: _time,
    FieldKind.NAME: _text,
}
