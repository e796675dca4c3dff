"""The list of commands that `goldloop --help` prints: by what they are for, each with its whole sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperGroup

COMMANDS = {
    "Begin, in this order": ("init", "up", "score", "push", "annotator"),
    "Every week": ("round", "pull", "retrain", "serve"),
    "See where it stands": ("status", "page", "report", "annotators", "agreement", "quarantine", "decisions"),
    "Labels": ("import", "gold", "label-errors", "seed", "labels", "outcomes", "review", "appeal", "checks"),
    "Who decides what": ("policy", "replay", "selection"),
    "Use the model": ("predict", "decide", "rollback"),
    "Care for the workspace": ("down", "check", "compact", "backup", "restore", "notifications"),
}
_WHOLE = 1000  # characters: no sentence is cut off


class CommandList(TyperGroup):
    """A group of commands that lists them under the headings of `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, in the order of the headings."""
        known = [name for names in COMMANDS.values() for name in names if name in self.commands]
        return known + [name for name in super().list_commands(ctx) if name not in known]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each heading with its commands; one without a heading stands under the last."""
        for heading, names in self._headings(ctx):
            with formatter.section(heading):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(_WHOLE)) for name in names])

    def _headings(self, ctx: Any) -> Iterator[tuple[str, Sequence[str]]]:
        listed = self.list_commands(ctx)
        for heading, names in COMMANDS.items():
            yield heading, [name for name in names if name in listed]
            listed = [name for name in listed if name not in names]
        if listed:
            yield "Others", listed
