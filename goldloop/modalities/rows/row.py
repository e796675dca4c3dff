"""One row: why it is no usable sample, and its canonical form. Imports no library of files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from goldloop.core.samples import UNREADABLE

MAX_ID_CHARS = 200


class Reason(StrEnum):
    """Why a row is no usable sample.

    `MALFORMED`, `MISSING_FIELD`, `UNKNOWN_COLUMN` and `UNREADABLE` can concern a whole file.
    """

    MISSING_ID = "missing id"
    MISSING_FIELD = "missing field"
    WRONG_TYPE = "wrong type"
    TOO_LONG = "too long"
    DOUBLED_ID = "doubled id with other content"
    UNKNOWN_COLUMN = "unknown column"
    NOT_UTF8 = "not UTF-8"
    MALFORMED = "malformed"
    UNREADABLE = UNREADABLE


_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=str)  # making one takes as long as a row


def canonical(fields: Mapping[str, Any]) -> str:
    """Return a row as JSON, the same for equal rows."""
    return _JSON.encode(fields)


def is_unicode(text: str) -> bool:
    """Return whether `text` holds no lone surrogate, and so could be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
