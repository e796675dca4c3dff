"""The section [content] of goldloop.toml: where annotators' browsers find pictures."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, field_validator

from goldloop.settings.sections import Section

_BASE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9._=-]+)*)/?")


class ContentSettings(Section):
    """Where annotators' browsers find pictures; credentials come from the environment."""

    base: str | None = None
    """Place in an S3 bucket, such as s3://content/shop, to which `goldloop push` copies what annotators see;
    without it Label Studio reads the folder images of the workspace, on the same machine."""
    link_minutes: Annotated[int, Field(ge=1, le=720)] = 15
    """Minutes for which a link to a picture works; Label Studio makes one at each look."""

    @field_validator("base")
    @classmethod
    def _is_bucket(cls, base: str | None) -> str | None:
        if base is not None and not _BASE.fullmatch(base):
            raise ValueError(
                "needs a bucket and a prefix of letters, digits and . _ = - / such as 's3://content/shop', "
                f"got {base!r}"
            )
        return base.rstrip("/") if base else base

    @property
    def bucket(self) -> str | None:
        """The bucket of `base`; None without one."""
        found = _BASE.fullmatch(self.base or "")
        return found[1] if found else None
