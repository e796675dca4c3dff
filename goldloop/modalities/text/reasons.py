"""Why a row, or a whole file of rows, is in quarantine."""

from __future__ import annotations

from enum import StrEnum

from goldloop.core.samples import UNREADABLE


class Reason(StrEnum):
    """Why a row is no usable text; `MALFORMED`, `MISSING_FIELD` and `UNREADABLE` can concern a whole file."""

    MISSING_ID = "missing id"
    MISSING_FIELD = "missing field"
    WRONG_TYPE = "wrong type"
    TOO_LONG = "too long"
    DOUBLED_ID = "doubled id with other content"
    NOT_UTF8 = "not UTF-8"
    MALFORMED = "malformed"
    UNREADABLE = UNREADABLE
