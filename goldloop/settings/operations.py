"""Settings of operations: the schedule of the round, and the addresses of servers."""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from goldloop.settings.section import Section

_CRON_FIELD = re.compile(r"^[\d*/,\-A-Za-z#L?]+$")


class ScheduleSettings(Section):
    """When the weekly round runs."""

    cron: Annotated[
        str, Field(description="Schedule of the weekly round, five cron fields (default: Monday 06:00).")
    ] = "0 6 * * 1"
    timezone: Annotated[str, Field(description="IANA time zone of the schedule.")] = "UTC"

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        fields = cron.split()
        if len(fields) != 5 or not all(_CRON_FIELD.match(part) for part in fields):
            raise ValueError(f"needs five cron fields such as '0 6 * * 1', got {cron!r}")
        return cron

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"needs an IANA time zone such as 'Europe/Berlin', got {timezone!r}") from None
        return timezone


class ServiceSettings(Section):
    """Servers that already run elsewhere; `goldloop up` starts every server without an address here."""

    label_studio_url: Annotated[
        str | None, Field(description="Address of Label Studio, for example https://labels.example.com.")
    ] = None
    prefect_url: Annotated[str | None, Field(description="Address of the Prefect server, without /api.")] = (
        None
    )
    mlflow_url: Annotated[str | None, Field(description="Address of the MLflow tracking server.")] = None

    @field_validator("label_studio_url", "prefect_url", "mlflow_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"^https?://[^/\s]+", url):
            raise ValueError(f"needs an address such as 'http://127.0.0.1:8080', got {url!r}")
        return url.rstrip("/") if url else url
