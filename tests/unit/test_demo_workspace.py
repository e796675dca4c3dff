"""The demo's workspace: made with the settings of the command line, and never that of another demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from goldloop.core.errors import GoldloopError, SettingsError
from goldloop.settings.workspace import Workspace
from scripts.demo_loop.datasets import chosen
from scripts.demo_loop.options import arguments
from scripts.demo_loop.run import opened_workspace


def opened(root: Path, *words: str) -> Workspace:
    """Return the workspace of a demo on made posts."""
    options = arguments(["--kind", "text", "--limit", "20", *words])
    samples, preset = chosen(options, root, say=lambda _: None)
    return opened_workspace(root, samples, preset, options)


def test_settings_of_the_command_line_are_those_of_the_workspace(tmp_path: Path) -> None:
    """Numbers, truth values, lists and words; what is not named keeps its default."""
    words = (
        "consensus.repeat_share=0.25",
        "moderation.veil=false",
        "policy.band=[0.1, 0.8]",
        "cost.currency=CHF",
    )
    settings = opened(tmp_path / "demo", *(word for one in words for word in ("--set", one))).settings

    assert settings.consensus.repeat_share == 0.25
    assert settings.policy.band == (0.1, 0.8)
    assert settings.cost.currency == "CHF"
    assert settings.moderation is not None
    assert not settings.moderation.veil
    assert settings.selection.audit_rate == 0.25


def test_a_setting_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its name; nothing is written."""
    with pytest.raises(SettingsError, match=r"unknown key 'consensus.repeat_sher'"):
        opened(tmp_path / "demo", "--set", "consensus.repeat_sher=0.25")
    with pytest.raises(SystemExit):
        arguments(["--set", "repeat_share=0.25"])

    assert not (tmp_path / "demo" / "goldloop.toml").exists()
    assert "write it as consensus.repeat_share=0.25" in capsys.readouterr().err


def test_another_seed_needs_another_folder(tmp_path: Path) -> None:
    """People and draws of one seed do not go on with those of another."""
    opened(tmp_path / "demo", "--seed", "3")

    assert opened(tmp_path / "demo", "--seed", "3").settings.selection.seed == 3
    with pytest.raises(GoldloopError, match="holds the demo of seed 3, not 4; name a new workspace"):
        opened(tmp_path / "demo", "--seed", "4")
