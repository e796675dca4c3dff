"""A section: what every report is made of, whoever shows it: the page, a command, or Prefect as Markdown."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from goldloop.core.modality import Preview
from goldloop.core.verbatim import markdown_text
from goldloop.reports.formatting import Cell

Format = Literal["svg", "png"]
Picture = Callable[[Format], bytes]
"""The bytes of a file of that kind, drawn when it is called; the same values give the same bytes."""

Value = Cell | str | int | float | None
Row = Mapping[str, Value]
"""A line of a table, by column; every row of a table has the same columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title, which is empty where the section's title is enough.

    The page offers to filter the rows of a table that `is_filtered`.
    """

    rows: Sequence[Row]
    title: str = ""
    is_filtered: bool = False

    @property
    def columns(self) -> dict[str, bool]:
        """The names of the columns, and whether each holds plain numbers only, or nothing."""
        return {name: self._is_number(name) for name in (self.rows[0] if self.rows else ())}

    def _is_number(self, name: str) -> bool:
        values = [row[name] for row in self.rows if row[name] is not None]
        return bool(values) and all(isinstance(value, int | float) for value in values)


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture that is drawn when it is shown, and the sentence that says what it shows.

    One that `is_wide` takes the whole width of the page.
    """

    caption: str
    picture: Picture
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class TopLabels:
    """The likeliest labels of a sample and their probabilities, by `who`; the `right` label stands out."""

    who: str
    probs: Mapping[str, float]
    right: str | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """A small sample with a title, its name, lines of small print and bars; a marked one gets a thick frame.

    `preview` is None where its content cannot be read. The tiles of one sample share `sample_id`. `link` is
    the address of its task, "" without one. `facets` are what a gallery chooses by, several values of one
    separated by blanks.
    """

    preview: Preview | None
    title: str
    lines: Sequence[str] = ()
    is_marked: bool = False
    name: str = ""
    sample_id: str = ""
    opinions: Sequence[TopLabels] = ()
    link: str = ""
    facets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facet:
    """What a gallery chooses by: its name and title, its values with their words, and the chosen one."""

    name: str
    title: str
    values: Mapping[str, str]
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class Chooser:
    """The form by which the tiles of a section are chosen: by the server if it `is_served`, else by a script.

    `said` tells how many there are; `pages` are the addresses of the pages before and after, by name.
    """

    facets: Sequence[Facet]
    said: str
    is_served: bool
    pages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A sample at a place in [0, 1]; `sample_id` is that of its tile, None where the page has no tile of it.

    `label` and `confidence` are the model's, None before any model; `gold` is None without a gold label.
    """

    x: float
    y: float
    name: str
    lane: str
    label: str | None
    confidence: float | None
    model_version: str
    gold: str | None
    is_mistake: bool
    sample_id: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a report, in the order in which it is shown; what is empty is left out.

    `prose` introduces, `remarks` are what somebody should look at, `notes` explain the tables above them.
    """

    title: str
    prose: Sequence[str] = ()
    remarks: Sequence[Cell] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    tiles: Sequence[Tile] = ()
    notes: Sequence[str] = ()
    map: Sequence[MapPoint] = ()
    chooser: Chooser | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show under the title."""
        parts = (self.prose, self.remarks, self.tables, self.plots, self.tiles, self.notes, self.map)
        return not any(parts)


def markdown(section: Section) -> str:
    """Return `section` with its tables, and the first plot as a picture inside the text."""
    blocks = [f"## {markdown_text(section.title)}", *map(markdown_text, section.prose)]
    blocks.append("\n".join(f"- {markdown_text(str(remark))}" for remark in section.remarks))
    blocks += [_markdown_table(table) for table in section.tables if table.rows]
    blocks += map(markdown_text, section.notes)
    for plot in section.plots[:1]:
        picture = base64.b64encode(plot.picture("png")).decode()
        blocks.append(f"![{markdown_text(plot.caption)}](data:image/png;base64,{picture})")
    return "\n\n".join(block for block in blocks if block)


def _markdown_table(table: Table) -> str:
    lines = [[markdown_text(name) for name in table.columns], ["---"] * len(table.columns)]
    lines += [
        ["" if value is None else markdown_text(str(value)) for value in row.values()] for row in table.rows
    ]
    rows = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"**{markdown_text(table.title)}**\n\n{rows}" if table.title else rows
