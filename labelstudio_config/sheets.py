"""The page of a sheet: pictures with one suggested label, of which the annotator clicks the wrong ones."""

from __future__ import annotations

from html import escape
from math import ceil

from labelstudio_config.grounds import literal
from labelstudio_config.templates import filled

WRONG_NAME = "wrong"
"""Name of the control that holds the places of the clicked pictures."""

QUESTION_NAME = "question"
"""Name of the object that the clicks are about, which is also the field of the task with the question."""

_COLUMNS = 8  # a window of 1,440 px then shows 24 photographs of 170 x 230 px without scrolling


def sheet_interface(n_pictures: int) -> str:
    """Return the labelling interface of sheets of at most `n_pictures` as Label Studio XML.

    All pictures are seen at once, whole, and a click anywhere on one marks it.
    """
    columns = min(_COLUMNS, n_pictures)
    rows = ceil(n_pictures / columns)
    return filled("sheet.xml", style=filled("sheet.css", columns=str(columns), rows=str(rows)))


def sheet_guide() -> str:
    """Return the instructions that H shows on a sheet, as HTML."""
    return filled("sheet_guide.html")


def question(label: str) -> str:
    """Return what stands above the pictures of a sheet."""
    return f"Every picture should show: {literal(label)}. Click those that do not, then press Enter."


def picture_html(link: str) -> str:
    """Return a picture of a sheet, whose address is `link`."""
    return f'<img src="{escape(link)}" alt="" draggable="false" />'
