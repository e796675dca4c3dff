"""Files of outcomes: which rows say what became of a sample, and what is wrong with the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import isnan
from typing import Any

from goldloop.core.errors import SourceError, UnreadableSampleError
from goldloop.core.labels import LabelSet, labels_text
from goldloop.core.reported_outcomes import OutcomeKind, ReportedOutcome
from goldloop.modalities.rows.files import once_each, rows_of
from goldloop.modalities.rows.row import Reason, is_unicode

COLUMNS = ("id", "kind", "label", "honest_dispute", "observed_at", "known_at")
"""The columns of a file of outcomes; the first two are required."""

MAX_NAME_CHARS = 1000
_AHEAD = timedelta(days=1)  # by how much a moment without an offset may lie in the future of UTC
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be used: its number, from 1, its id if it has one, and what is wrong with it."""

    row: int
    name: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class OutcomeForm:
    """What rows are checked against: the labels, and the moment `now`."""

    labels: LabelSet
    now: datetime

    @property
    def of_chargeback(self) -> str | None:
        """Label of a chargeback that says none: of two labels the second; None where there are more."""
        return self.labels.names[1] if len(self.labels.names) == 2 else None


def read_outcomes(uri: str, form: OutcomeForm) -> Iterator[ReportedOutcome | RefusedRow]:
    """Yield what each row of the file at `uri` says, or why it cannot be used.

    Raises:
        SourceError: the file cannot be read, lacks a column, or has one that is not known.
    """
    try:
        for place, fields in rows_of(uri, _check_header):
            number = place or 0  # rows of files have numbers
            try:
                if isinstance(fields, UnreadableSampleError):
                    raise fields
                yield _outcome(number, fields, form)
            except UnreadableSampleError as error:
                name = "" if isinstance(fields, UnreadableSampleError) else str(fields.get("id") or "")
                yield RefusedRow(number, name[:80], error.reason, error.detail)
    except UnreadableSampleError as error:
        raise SourceError(f"{uri}: {error}") from error


def _check_header(columns: Sequence[str]) -> None:
    once_each(columns, ["id", "kind", *(name for name in COLUMNS[2:] if name in columns)])
    _check_known(columns)


def _check_known(columns: Sequence[str]) -> None:
    unknown = next((name for name in columns if name not in COLUMNS), None)
    if unknown is not None:
        raise UnreadableSampleError(
            Reason.UNKNOWN_COLUMN,
            f"{unknown!r} is no column of outcomes; rename it to one of {', '.join(COLUMNS)}, or remove it",
        )


def _outcome(number: int, fields: Mapping[str, Any], form: OutcomeForm) -> ReportedOutcome:
    _check_known(list(fields))
    name, kind = _name(fields.get("id")), _kind(fields.get("kind"))
    is_honest = _flag(fields.get("honest_dispute"))
    if is_honest and kind is not OutcomeKind.CHARGEBACK:
        raise _wrong("honest_dispute", f"true for a {kind}; only a chargeback can be an honest dispute")
    label = _label(fields.get("label"), kind, form, is_honest=is_honest)
    observed, known = (_moment(column, fields.get(column), form) for column in ("observed_at", "known_at"))
    if observed is not None and known is not None and known < observed:
        raise _wrong("known_at", f"{known.isoformat()}, before observed_at; correct one of them")
    said = [name, kind, label, is_honest, *(one and one.isoformat() for one in (observed, known))]
    return ReportedOutcome(
        digest=hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest(),
        name=name,
        kind=kind,
        label=label,
        is_honest_dispute=is_honest,
        observed_at=observed,
        known_at=known or observed or form.now,
        added_at=form.now,
        position=number,
    )


def _wrong(column: str, detail: str) -> UnreadableSampleError:
    return UnreadableSampleError(Reason.WRONG_TYPE, f"the {column} is {detail}")


def _is_missing(value: Any) -> bool:
    is_nan = isinstance(value, float) and isnan(value)
    return value is None or is_nan or (isinstance(value, str) and not value.strip())


def _name(value: Any) -> str:
    if _is_missing(value):
        raise UnreadableSampleError(Reason.MISSING_ID, "the row has no id; name the sample")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _wrong("id", f"{value!r:.40} ({type(value).__name__}), not a string or integer")
    name = str(value).strip()
    if not is_unicode(name):
        raise UnreadableSampleError(Reason.NOT_UTF8, "the id holds bytes that are no UTF-8; save as UTF-8")
    if len(name) > MAX_NAME_CHARS:
        detail = f"the id has {len(name):,} characters, the limit is {MAX_NAME_CHARS:,}"
        raise UnreadableSampleError(Reason.TOO_LONG, detail)
    return name


def _kind(value: Any) -> OutcomeKind:
    try:
        return OutcomeKind(str(value).strip().lower())
    except ValueError:
        raise _wrong("kind", f"{value!r:.40}; write one of {', '.join(OutcomeKind)}") from None


def _flag(value: Any) -> bool:
    found = False if _is_missing(value) else _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise _wrong("honest_dispute", f"{value!r:.40}, not true or false")
    return found


def _label(value: Any, kind: OutcomeKind, form: OutcomeForm, *, is_honest: bool) -> str | None:
    """Return the label that a row says; None for an honest customer's dispute that names none."""
    usual = form.of_chargeback if kind is OutcomeKind.CHARGEBACK else None
    if _is_missing(value):
        if is_honest or usual is not None:
            return None if is_honest else usual
        detail = f"a {kind} needs a label here; name one of {labels_text(form.labels)}"
        raise UnreadableSampleError(Reason.MISSING_FIELD, detail)
    label = form.labels.find(str(value).strip())
    if label is None:
        raise _wrong("label", f"{value!r:.40}, which is no label; name one of {labels_text(form.labels)}")
    if is_honest and label == usual:
        detail = f"{label!r} beside honest_dispute; an honest customer's dispute is none: leave it empty"
        raise _wrong("label", detail)
    return label


def _moment(column: str, value: Any, form: OutcomeForm) -> datetime | None:
    if _is_missing(value):
        return None
    try:
        if isinstance(value, date) and not isinstance(value, datetime):
            value = value.isoformat()
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value.strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise _wrong(column, f"{value!r:.40}; write ISO 8601, such as 2026-03-01T09:30:00Z") from None
    if moment > form.now + _AHEAD:
        raise _wrong(column, f"{moment.isoformat()}, which is in the future; correct it")
    return moment
