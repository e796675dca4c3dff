"""The section [sheets] of goldloop.toml: many pictures with one suggested label on one page."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from goldloop.settings.sections import Section


class SheetSettings(Section):
    """Whether annotators confirm sure suggestions many at a time, and what keeps that honest."""

    enabled: bool = False
    """Whether samples of the lane review whose suggestion is sure enough go on sheets: annotators see many
    pictures with one suggested label on one page, and click those that are wrong. For pictures only."""
    pictures: Annotated[int, Field(ge=12, le=30)] = 24
    """Number of pictures on a sheet; 24 are seen at once in a window of 1,440 px."""
    planted_rate: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Share of the pictures on sheets whose suggestion goldloop knows to be wrong; they measure what people
    overlook."""
    second_looks: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the pictures that nobody clicked which somebody else labels blind."""
    max_missed: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Largest tolerated share of planted errors that a person misses, or that people miss of a label. Who or
    what is above it, by evidence, gets no more sheets."""
    share_of_review: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Time for a picture on a sheet, as a share of a quick review's; budgets and prices count with it."""

    def fault_beside(self, kind: str, base: str | None, method: str) -> str | None:
        """Return why sheets do not go with other settings: kind, content.base, consensus.method."""
        if not self.enabled:
            return None
        if kind != "image":
            return f"sheets.enabled is for pictures, not for samples of kind {kind!r}; set it to false"
        if base is not None:
            return (
                "sheets.enabled needs pictures that Label Studio itself serves, and content.base names a "
                "bucket; remove one of them"
            )
        if method != "posterior":
            return (
                f"sheets.enabled needs consensus.method 'posterior', got {method!r}, which takes a picture "
                "that nobody clicked for a full answer"
            )
        return None
