"""Progress of long work in a terminal: a bar where a user watches, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class TerminalProgress:
    """Shows bars on standard error if that is a terminal. Satisfies `goldloop.loop.ports.Progress`."""

    @contextmanager
    def counting(self, what: str) -> Iterator[Callable[[int], None]]:
        """Show the number done and the speed; the total is unknown, because sources are streamed."""
        with _bars("{task.description} {task.completed:,.0f}") as bars:
            task = bars.add_task(what, total=None)
            yield lambda n: bars.advance(task, n)

    @contextmanager
    def share_done(self, what: str) -> Iterator[Callable[[float], None]]:
        """Show the share of the work that is done, from 0 to 1."""
        with _bars("{task.description}") as bars:
            task = bars.add_task(what, total=1.0)
            yield lambda share: bars.update(task, completed=share)

    def say(self, sentence: str) -> None:
        """Print a sentence on standard error, also where no user watches: logs need it."""
        print(sentence, file=sys.stderr, flush=True)


def _bars(text: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Pace(TaskProgressColumn):
        @classmethod
        def render_speed(cls, speed: float | None) -> Text:
            words = "" if speed is None else f"{speed:,.{0 if speed >= 10 else 1}f} a second"
            return Text(words, style="progress.percentage")

    columns = (TextColumn(text), BarColumn(), Pace(show_speed=True), TimeElapsedColumn())
    console, is_silent = Console(stderr=True), not sys.stderr.isatty()
    return Progress(*columns, console=console, transient=True, disable=is_silent)
