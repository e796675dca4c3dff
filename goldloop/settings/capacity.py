"""The section [capacity] of goldloop.toml: how much people can review, and until when a review is of use."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from goldloop.settings.sections import Section


class CapacitySettings(Section):
    """How much annotators review in a day, and how long a sample can wait for them."""

    quick_minutes: Annotated[float | None, Field(ge=0)] = None
    """Minutes of quick reviews in a day, all annotators together; unset: no limit."""
    full_minutes: Annotated[float | None, Field(ge=0)] = None
    """Minutes of full reviews in a day, all annotators together; unset: no limit."""
    due_hours: Annotated[float | None, Field(gt=0)] = None
    """Hours after the arrival of a sample in which a review is of use; afterwards nobody is asked for one,
    and what was decided without it holds. Unset: always."""
