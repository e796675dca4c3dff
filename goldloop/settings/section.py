"""A section of the settings: frozen, without unknown keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the settings; it refuses unknown keys and changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
