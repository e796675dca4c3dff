"""The cron of the weekly round, checked by what reads it later: Prefect's server."""

from __future__ import annotations

import asyncio

from goldloop.core.errors import SettingsError


def check_cron(cron: str, timezone: str) -> None:
    """Check that Prefect reads `cron` in `timezone`, and that there is a next time.

    Raises:
        SettingsError: names the cron, and what Prefect finds wrong with it.
    """
    from prefect.server.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        dates = asyncio.run(CronSchedule(cron=cron, timezone=timezone).get_dates(1))
    except ValidationError as error:
        raise SettingsError(_wrong(cron, timezone, error.errors()[0]["msg"])) from error
    except ValueError as error:
        raise SettingsError(_wrong(cron, timezone, str(error))) from error
    if not dates:
        raise SettingsError(_wrong(cron, timezone, "it never comes"))


def _wrong(cron: str, timezone: str, reason: str) -> str:
    return (
        f"Prefect cannot run schedule.cron {cron!r} in schedule.timezone {timezone!r} ({reason}); "
        "give minute, hour, day, month and weekday, such as '0 6 * * 1' for Monday 06:00, and an IANA time "
        "zone such as 'Europe/Berlin'"
    )
