"""The labelling interface: the screen, keys and guides that annotators see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from importlib import resources

from goldloop.core.labels import LabelSet

FROM_NAME = "label"
"""Name of the control in interface.xml that holds the answer."""
TO_NAME = "image"
"""Name of the object that the answer is about, for pictures: the kind, which also names the task's field."""

KINDS: Mapping[str, Mapping[str, str]] = {
    "image": {
        "sample": "picture",
        "whole": "Choose what the picture mainly shows. If it shows two things, take the larger one.",
        "poor": "dark, blurred, cut off",
    },
    "text": {
        "sample": "text",
        "whole": "Choose what the text as a whole means. A single word decides nothing.",
        "poor": "too short, garbled, in a language that nobody here reads",
    },
}
"""Kinds of samples, each with a template `<kind>.xml`, and what the guides call them."""

REASON_NAME = "reason"
"""Name of the control that holds why an adjudicator decided so, or why somebody skipped."""
NOTE_NAME = "note"
"""Name of the control for what an adjudicator adds in their own words."""

KEYS = "1234567890qwertyiopadfgjklzxcbnm"
"""One key per label, in label-set order: what Label Studio leaves free (s skips, u, h and v are its own)."""

SUBMIT_KEY = "Enter"
SKIP_KEY = "S"
GUIDE_KEY = "H"

FULL_HINT = "Full review: take your time. Somebody else answers it too."
"""What stands above the labels in a full review, in place of a suggestion."""

HOTKEYS = {
    "annotation:annotation:submit": {"key": "enter", "active": True},
    "regions:region:focus": {"key": "alt+enter", "active": True},  # would otherwise share Enter
    "annotation:annotation:skip": {"key": "s", "active": True},
}
"""Setting of a Label Studio user with which one key submits and one skips."""


SKIP_REASONS = ("cannot tell", "nothing fits", "several things", "broken")
"""Why an annotator skipped; Shift and a digit pick one. A skip needs none."""

DECISIONS = (
    "clear on a second look",
    "several things",
    "labels overlap, needs a rule",
    "too poor, best guess",
)
"""Why an adjudicator decided so; Shift and a digit pick one."""

_COLUMN_LABELS = 15  # fit one below the other in a window of 800 px
_AIRY = {"width": "360", "columns": "1", "size": "17", "padding": "3"}
_DENSE = {"width": "520", "columns": "2", "size": "15", "padding": "0"}
_SEARCH = (
    '<Filter name="search" toName="label" hotkey="shift+f" minlength="0" '
    'cleanup="false" placeholder="Search (Shift+F), Enter picks" />'
)


def key_of(column: int) -> str | None:
    """Return the key that picks the label in `column`, or None where the keys have run out."""
    return KEYS[column] if column < len(KEYS) else None


def interface(labels: LabelSet, kind: str = "image", *, is_tiny: bool = False) -> str:
    """Return the labelling interface for `labels` and samples of `kind` as Label Studio XML.

    A picture fills the window; `is_tiny` keeps the pixels of pictures that are enlarged many times.
    A label set with more labels than keys gets a search field above them. The guide is behind GUIDE_KEY.
    """
    guide = annotator_guide(labels, kind)
    return _interface("interface.xml", labels, kind, SKIP_REASONS, guide, is_tiny=is_tiny)


def adjudication_interface(labels: LabelSet, kind: str = "image", *, is_tiny: bool = False) -> str:
    """Return the interface of the adjudication project for `labels` as Label Studio XML.

    As `interface`, with the answers so far in place of a suggestion, and a reason to be given.
    """
    guide = adjudicator_guide(labels, kind)
    return _interface("adjudication.xml", labels, kind, DECISIONS, guide, is_tiny=is_tiny)


def annotator_guide(labels: LabelSet, kind: str = "image") -> str:
    """Return the guide for annotators as HTML: keys, how to decide, when to skip, what the queues are."""
    return _guide("annotator_guide.html", labels, kind)


def adjudicator_guide(labels: LabelSet, kind: str = "image") -> str:
    """Return the guide for adjudicators as HTML: what they decide, and what their reason is good for."""
    return _guide("adjudicator_guide.html", labels, kind)


def _interface(
    template: str, labels: LabelSet, kind: str, reasons: tuple[str, ...], guide: str, *, is_tiny: bool
) -> str:
    is_long = len(labels) > _COLUMN_LABELS
    return _filled(
        template,
        kind=kind,
        style=_filled("style.css", **(_DENSE if is_long else _AIRY)),
        sample=_filled(
            f"{kind}.xml",
            height="min(100vh - 120px, 448px)" if is_tiny else "calc(100vh - 120px)",
            smoothing="false" if is_tiny else "true",
        ),
        search=_SEARCH if len(labels) > len(KEYS) else "",
        choices="\n".join(_choice(name, key_of(column)) for column, name in enumerate(labels)),
        reasons="\n".join(_choice(reason, f"shift+{n}") for n, reason in enumerate(reasons, start=1)),
        guide=_filled("guide.xml", kind=kind, text=escape(_shown(guide))),
    )


def _guide(template: str, labels: LabelSet, kind: str) -> str:
    rows = "".join(
        f"<li><b>{escape(key.upper())}</b> &nbsp;{escape(name)}</li>" if key else f"<li>{escape(name)}</li>"
        for name, key in ((name, key_of(column)) for column, name in enumerate(labels))
    )
    filled = _filled(template, labels=rows, submit=SUBMIT_KEY, skip=SKIP_KEY, guide=GUIDE_KEY, **KINDS[kind])
    return " ".join(filled.split())


def _choice(name: str, key: str | None) -> str:
    hotkey = f' hotkey="{key or " "}"'  # without any, Label Studio would hand out S and V itself
    if "$" not in name:
        return f'      <Choice value="{escape(name)}"{hotkey} />'
    return f'      <Choice value="{escape(_shown(name))}" alias="{escape(name)}"{hotkey} />'


def _shown(text: str) -> str:
    """Return `text` with another dollar sign, as $word in a displayed value stands for task data."""
    return text.replace("$", "＄")


def _template(name: str) -> str:
    return (
        resources.files("labelstudio_config").joinpath(name).read_text(encoding="utf-8").strip()
    )  # as Label Studio keeps it


def _filled(name: str, **values: str) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: values[hole[1]], _template(name))
