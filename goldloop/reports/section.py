"""A section: what every report is made of, whoever shows it: the page, a command, or Prefect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from goldloop.core.modality import Preview
from goldloop.reports.formatting import Cell

Format = Literal["svg", "png"]
Picture = Callable[[Format], bytes]
Value = Cell | str | int | float | None
Row = Mapping[str, Value]
"""A line of a table, by column; every row of a table has the same columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title, which is empty where the section's title is enough."""

    rows: tuple[Row, ...]
    title: str = ""

    @property
    def columns(self) -> dict[str, bool]:
        """The names of the columns, and whether each holds plain numbers only."""
        names = self.rows[0] if self.rows else ()
        return {name: all(isinstance(row[name], int | float) for row in self.rows) for name in names}


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture that is drawn when it is shown, and the sentence that says what it shows."""

    caption: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Tile:
    """A small sample with a title and lines of small print; a corrected one gets a thick frame."""

    preview: Preview
    title: str
    lines: tuple[str, ...] = ()
    is_corrected: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a report, in the order in which it is shown; what is empty is left out.

    `prose` introduces, `remarks` are what somebody should look at, `notes` explain the tables above them.
    """

    title: str
    prose: tuple[str, ...] = ()
    remarks: tuple[Cell, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    tiles: tuple[Tile, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show under the title."""
        return not (self.prose or self.remarks or self.tables or self.plots or self.tiles or self.notes)
