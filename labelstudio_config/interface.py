"""The labelling interface: the screen, keys and guides that annotators see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from importlib import resources
from itertools import zip_longest

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


def interface(
    labels: LabelSet, kind: str = "image", *, is_dispute: bool = False, is_tiny: bool = False
) -> str:
    """Return the labelling interface for `labels` and samples of `kind` as Label Studio XML.

    A picture fills the window; `is_tiny` keeps the pixels of pictures that are enlarged many times.
    A label set with more labels than keys gets a search field above them. The guide is behind H.
    In a dispute an adjudicator sees the answers so far in place of a suggestion, and has to give a reason.
    """
    is_long = len(labels) > _COLUMN_LABELS
    reasons = DECISIONS if is_dispute else SKIP_REASONS
    return _filled(
        "adjudication.xml" if is_dispute else "interface.xml",
        kind=kind,
        style=_filled("style.css", **(_DENSE if is_long else _AIRY)),
        sample=_filled(
            f"{kind}.xml",
            height="min(100vh - 120px, 448px)" if is_tiny else "calc(100vh - 120px)",
            smoothing="false" if is_tiny else "true",
        ),
        search=_SEARCH if len(labels) > len(KEYS) else "",
        choices="\n".join(_choice(name, key) for name, key in _with_keys(labels)),
        reasons="\n".join(_choice(reason, f"shift+{n}") for n, reason in enumerate(reasons, start=1)),
        guide=_filled(
            "guide.xml", kind=kind, text=escape(_shown(guide(labels, kind, is_dispute=is_dispute)))
        ),
    )


def guide(labels: LabelSet, kind: str = "image", *, is_dispute: bool = False) -> str:
    """Return the guide for annotators, or for adjudicators of a dispute, as HTML: keys and how to decide."""
    rows = "".join(
        f"<li><b>{key.upper()}</b> &nbsp;{escape(name)}</li>" if key else f"<li>{escape(name)}</li>"
        for name, key in _with_keys(labels)
    )
    template = "adjudicator_guide.html" if is_dispute else "annotator_guide.html"
    return " ".join(_filled(template, labels=rows, **KINDS[kind]).split())


def _with_keys(labels: LabelSet) -> list[tuple[str, str]]:
    """Return each label and the key that picks it, "" where the keys have run out."""
    return list(zip_longest(labels, KEYS[: len(labels)], fillvalue=""))


def _choice(name: str, key: str) -> str:
    hotkey = f' hotkey="{key or " "}"'  # without any, Label Studio would hand out S and V itself
    if "$" not in name:
        return f'      <Choice value="{escape(name)}"{hotkey} />'
    return f'      <Choice value="{escape(_shown(name))}" alias="{escape(name)}"{hotkey} />'


def _shown(text: str) -> str:
    """Return `text` with another dollar sign, as $word in a displayed value stands for task data."""
    return text.replace("$", "＄")


def _filled(name: str, **values: str) -> str:
    """Return a template with its {{holes}} filled, without blanks at its ends, as Label Studio keeps it."""
    template = resources.files("labelstudio_config").joinpath(name).read_text(encoding="utf-8").strip()
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: values[hole[1]], template)
