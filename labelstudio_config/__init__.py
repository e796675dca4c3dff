"""What annotators see: the labelling interface, its instructions and the guide, rendered for a label set."""

from __future__ import annotations

import re
from html import escape
from importlib import resources

from goldloop.labels import LabelSet

FROM_NAME = "label"
"""Name of the control in interface.xml that holds the answer."""
TO_NAME = "image"
"""Name of the object in interface.xml that the answer is about."""

KEYS = "1234567890qwertyiopadfgjklzxcbnm"
"""One key per label, in label-set order: what Label Studio leaves free (s skips, u, h and v are its own)."""

SUBMIT_KEY = "Enter"
SKIP_KEY = "S"

HOTKEYS = {
    "annotation:annotation:submit": {"key": "enter", "active": True},
    "regions:region:focus": {"key": "alt+enter", "active": True},  # would otherwise share Enter
    "annotation:annotation:skip": {"key": "s", "active": True},
}
"""Setting of a Label Studio user with which one key submits and one skips."""


_COLUMN_LABELS = 15  # fit one below the other in a window of 800 px
_SEARCH = (
    '<Filter name="search" toName="label" hotkey="shift+f" minlength="0" '
    'cleanup="false" placeholder="Search (Shift+F), Enter picks" />'
)


def key_of(column: int) -> str | None:
    """Return the key that picks the label in `column`, or None where the keys have run out."""
    return KEYS[column] if column < len(KEYS) else None


def interface(labels: LabelSet, *, is_tiny: bool = False) -> str:
    """Return the labelling interface for `labels` as Label Studio XML.

    The picture fills the window; `is_tiny` keeps the pixels of pictures that are enlarged many times.
    A label set with more labels than keys gets a search field above them.
    """
    choices = "\n".join(_choice(name, key_of(column)) for column, name in enumerate(labels))
    has_search = len(labels) > len(KEYS)
    is_long = len(labels) > _COLUMN_LABELS
    return _filled(
        "interface.xml",
        height="min(100vh - 130px, 448px)" if is_tiny else "calc(100vh - 130px)",
        smoothing="false" if is_tiny else "true",
        columns="2" if is_long else "1",
        width="480" if is_long else "360",
        search=_SEARCH if has_search else "",
        choices=choices,
        keys=f"{SUBMIT_KEY} submits · {SKIP_KEY} skips",
    )


def instructions(labels: LabelSet) -> str:
    """Return what an annotator reads before the first task, as HTML."""
    rows = "".join(
        f"<li><b>{escape(key.upper())}</b> &nbsp;{escape(name)}</li>" if key else f"<li>{escape(name)}</li>"
        for name, key in ((name, key_of(column)) for column, name in enumerate(labels))
    )
    return _filled("instructions.html", labels=rows, submit=SUBMIT_KEY, skip=SKIP_KEY)


def annotator_guide() -> str:
    """Return the guide for annotators as Markdown: how to decide, when to skip, what happens with answers."""
    return _template("annotator_guide.md")


def _choice(name: str, key: str | None) -> str:
    hotkey = f' hotkey="{key or " "}"'  # without any, Label Studio would hand out S and V itself
    if "$" not in name:
        return f'      <Choice value="{escape(name)}"{hotkey} />'
    # $word in a value stands for task data; what is shown gets another dollar sign, the answer keeps it
    return f'      <Choice value="{escape(name.replace("$", "＄"))}" alias="{escape(name)}"{hotkey} />'


def _template(name: str) -> str:
    return (
        resources.files(__name__).joinpath(name).read_text(encoding="utf-8").strip()
    )  # as Label Studio keeps it


def _filled(name: str, **values: str) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: values[hole[1]], _template(name))
