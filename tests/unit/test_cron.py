"""A cron that Prefect cannot run is refused when the workspace is made, and again by `goldloop serve`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cron import check_cron
from goldloop.cli.main import app
from goldloop.core.errors import SettingsError


@pytest.mark.parametrize(
    "cron", ["0 25 * * 1", "60 * * * *", "0 6 * * 8", "0 6 * 13 *", "*/0 * * * *", "0 6 31 2 *"]
)
def test_a_cron_that_never_runs_makes_no_workspace(tmp_path: Path, cron: str) -> None:
    """By the word of Prefect's server; nothing is written."""
    folder = tmp_path / "shop"

    error = CliRunner().invoke(app, ["init", str(folder), "--labels", "a,b", "--cron", cron]).exception

    assert isinstance(error, SettingsError)
    assert f"Prefect cannot run schedule.cron {cron!r}" in str(error)
    assert len(str(error)) < 300
    assert not folder.exists()


@pytest.mark.parametrize("timezone", ["Europe/Berln", "UTC+1", "../../etc/passwd"])
def test_a_time_zone_that_nobody_knows_is_named_as_the_cause(tmp_path: Path, timezone: str) -> None:
    """The cron is right; nothing is written."""
    folder = tmp_path / "shop"
    words = ["init", str(folder), "--labels", "a,b", "--cron", "0 6 * * MON", "--timezone", timezone]

    error = CliRunner().invoke(app, words).exception

    assert isinstance(error, SettingsError)
    assert f'Invalid timezone: "{timezone}"' in str(error)
    assert not folder.exists()


@pytest.mark.parametrize("cron", ["0 6 * * 1", "*/5 0-3 1,15 * *", "0 6 * * MON-FRI"])
def test_a_cron_that_runs_is_accepted(tmp_path: Path, cron: str) -> None:
    """In the time zone of the workspace."""
    check_cron(cron, "Europe/Berlin")
    words = ["init", str(tmp_path / "shop"), "--labels", "a,b", "--cron", cron, "--timezone", "Europe/Berlin"]
    assert CliRunner().invoke(app, words).exit_code == 0
