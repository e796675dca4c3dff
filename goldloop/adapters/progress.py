"""Progress of long work in a terminal: a bar where a user watches, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TerminalProgress:
    """Shows bars on standard error if that is a terminal. Satisfies `goldloop.loop.ports.Progress`."""

    @contextmanager
    def counting(self, what: str) -> Iterator[Callable[[int], None]]:
        """Show the number done and the speed; the total is unknown, because sources are streamed."""
        if not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        counted, speed = (
            TextColumn("{task.description} {task.completed:,.0f}"),
            TextColumn("{task.speed:,.0f}/s"),
        )
        columns = (SpinnerColumn(), counted, TimeElapsedColumn(), speed)
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(what, total=None)
            yield lambda n: progress.advance(task, n)

    @contextmanager
    def share_done(self, what: str) -> Iterator[Callable[[float], None]]:
        """Show the share of the work that is done, from 0 to 1."""
        if not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(what, total=1.0)
            yield lambda share: progress.update(task, completed=share)
