"""A section of the settings: frozen, and refusing keys nobody knows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the settings, frozen; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
