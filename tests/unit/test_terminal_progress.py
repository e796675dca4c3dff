"""Progress in a terminal: bars where a user watches, silence elsewhere."""

from __future__ import annotations

import io
import sys

import pytest
from rich.progress import TaskProgressColumn

from goldloop.adapters.progress import TerminalProgress, _bars


class Screen(io.StringIO):
    """A text stream that may claim to be a terminal."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._is_terminal


def shown(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool) -> str:
    """Return what a scoring of 1,234 files and a half-done training show."""
    screen = Screen(is_terminal=is_terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen)
    with TerminalProgress().counting("files") as count:
        count(1234)
    with TerminalProgress().share_done("training") as share:
        share(0.5)
    return screen.getvalue()


def test_a_terminal_shows_how_much_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of files and the share of the training appear, also while no speed is known."""
    text = shown(monkeypatch, is_terminal=True)

    assert "files" in text
    assert "1,234" in text
    assert "50%" in text


def test_the_pace_is_told_in_words() -> None:
    """Samples a second, not iterations, with the separators of all other figures."""
    column = next(one for one in _bars("").columns if isinstance(one, TaskProgressColumn))

    assert [str(column.render_speed(speed)) for speed in (None, 12_514.2, 2.34)] == [
        "",
        "12,514 a second",
        "2.3 a second",
    ]


def test_a_log_stays_free_of_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written where nobody watches."""
    assert shown(monkeypatch, is_terminal=False) == ""
