"""Why an image is in quarantine."""

from __future__ import annotations

from enum import StrEnum

from goldloop.core.samples import UNREADABLE
from goldloop.modalities.content import TOO_LARGE


class Reason(StrEnum):
    """Why a file is no usable image."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    NOT_AN_IMAGE = "not an image"
    BOMB = TOO_LARGE
    UNREADABLE = UNREADABLE
