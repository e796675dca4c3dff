"""The help of the command line: what a newcomer reads first."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import typer
from typer.testing import CliRunner

from goldloop.cli.help import COMMANDS
from goldloop.cli.main import app


def shown() -> str:
    """Return what `goldloop --help` prints, as one line."""
    result = CliRunner().invoke(app, ["--help"], terminal_width=80)
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_every_command_stands_under_one_heading() -> None:
    """A new command needs a place in the list."""
    listed = [name for names in COMMANDS.values() for name in names]
    group: Any = typer.main.get_command(app)

    assert sorted(listed) == sorted(group.commands)
    assert "Others" not in shown()


def test_the_list_cuts_no_sentence_off() -> None:
    """What a command does is said to the end, however long the sentence is."""
    text = shown()

    assert "..." not in text.partition("Options:")[2]
    assert "Begin, in this order: init Create a workspace" in text


def test_no_command_waits_for_the_library_of_plots() -> None:
    """It is loaded where something is drawn; to load it costs more than most commands take."""
    code = "import sys, goldloop.cli.main; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
