"""The labelling interface: the screen, keys and guides that annotators see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import zip_longest

from goldloop.core.labels import LabelSet
from goldloop.core.questions import DEFERRAL, NO_QUESTIONS, Questions
from labelstudio_config.grounds import (
    DEFERRAL_KEY,
    SPAN,
    SPAN_KEY,
    VEIL_KEY,
    choice_xml,
    grounds_xml,
    literal,
    reason_keys,
)
from labelstudio_config.templates import filled

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
    "records": {
        "sample": "record",
        "whole": "Choose what the record as a whole says. A single field decides nothing.",
        "poor": "nearly empty, contradictory",
    },
}
"""Kinds of samples, each with a template `<kind>.xml`, and what the guides call them."""

REASON_NAME = "reason"
"""Name of the control that holds why an adjudicator decided so, or why somebody skipped."""
NOTE_NAME = "note"
"""Name of the control for what an adjudicator adds in their own words."""

KEYS = "1234567890qwertyiopadfgjklzcbnxm"
"""One key per label, in label-set order: what Label Studio leaves free (s skips, u, h and v are its own).

The last three begin a note, lift the veil and mark a part where there are questions beside the label.
"""

FULL_HINT = "Full review: take your time. Somebody else answers it too."
"""What stands above the labels in a full review, in place of a suggestion."""

APPEAL_HINT = "Appeal. The author says: {words}"
"""What stands above the labels of an appealed sample, which nobody decides twice."""

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
    labels: LabelSet,
    kind: str = "image",
    *,
    questions: Questions = NO_QUESTIONS,
    is_dispute: bool = False,
    is_tiny: bool = False,
) -> str:
    """Return the labelling interface for `labels` and samples of `kind` as Label Studio XML.

    `questions` are asked beside the label. A picture fills the window; `is_tiny` keeps the pixels of pictures
    that are enlarged many times. A label set with more labels than keys gets a search field above them. The
    guide is behind H. In a dispute an adjudicator sees the answers so far in place of a suggestion, and has
    to give a reason.
    """
    keyed = _with_keys(labels, questions)
    deferral = [(DEFERRAL, DEFERRAL_KEY)] if questions.may_defer and not is_dispute else []
    return filled(
        "adjudication.xml" if is_dispute else "interface.xml",
        kind=kind,
        style=_style(kind, len(labels), questions),
        sample=filled(
            f"{kind}.xml",
            height="min(100vh - 120px, 448px)" if is_tiny else "calc(100vh - 120px)",
            smoothing="false" if is_tiny else "true",
            veil=filled("veil.xml", key=VEIL_KEY) if questions.is_veiled else "",
            veiled="gl-veiled" if questions.is_veiled else "gl-bare",
        ),
        search=_SEARCH if keyed[-1][1] == "" else "",
        choices="\n".join(choice_xml(name, key) for name, key in [*keyed, *deferral]),
        beside=grounds_xml(labels, questions, kind) if is_dispute else _beside(labels, questions, kind),
        reasons=_reasons(DECISIONS, labels, questions),
        reason_keys="a letter" if questions.has_grounds else "Shift and a digit",
        guide=filled(
            "guide.xml",
            kind=kind,
            text=_attribute(literal(guide(labels, kind, questions=questions, is_dispute=is_dispute))),
        ),
    )


def _style(kind: str, n_labels: int, questions: Questions) -> str:
    guide_columns = "1" if questions.policy else "2"  # of the guide's first list, which is that of the labels
    style = filled(
        "style.css", guide_columns=guide_columns, **(_DENSE if n_labels > _COLUMN_LABELS else _AIRY)
    )
    if kind != "records":
        return style
    pace, deferral = f"{questions.pace_s or 0:g}", str(n_labels + 1)
    return style + "\n" + filled("records.css", pace=pace, deferral=deferral)


def _beside(labels: LabelSet, questions: Questions, kind: str) -> str:
    """Return what stands below the labels of an annotator."""
    if not questions.has_grounds:
        return filled("skip.xml", kind=kind, reasons=_reasons(SKIP_REASONS, labels, questions))
    if questions.may_defer:
        return filled("analyst.xml", kind=kind, grounds=grounds_xml(labels, questions, kind))
    return filled(
        "unclear.xml",
        kind=kind,
        grounds=grounds_xml(labels, questions, kind),
        reasons=_reasons(questions.reasons, labels, questions),
        span=SPAN,
        span_key=SPAN_KEY,
    )


def _reasons(reasons: Sequence[str], labels: LabelSet, questions: Questions) -> str:
    """Return a choice for each reason, by letters where severity and rule have Shift and a digit."""
    if questions.has_grounds:
        keys = reason_keys(labels, len(reasons))
    else:
        keys = [f"shift+{n}" for n in range(1, len(reasons) + 1)]
    return "\n".join(choice_xml(reason, key) for reason, key in zip(reasons, keys, strict=True))


def guide(
    labels: LabelSet,
    kind: str = "image",
    *,
    questions: Questions = NO_QUESTIONS,
    is_dispute: bool = False,
) -> str:
    """Return the guide for annotators, or for adjudicators of a dispute, as HTML: keys and how to decide.

    The policy of `questions`, which is Markdown, stands above it.
    """
    rows = "".join(
        f"<li><b>{key.upper()}</b> &nbsp;{escape(name)}</li>" if key else f"<li>{escape(name)}</li>"
        for name, key in _with_keys(labels, questions)
    )
    template = "adjudicator_guide.html" if is_dispute else "annotator_guide.html"
    keys = "moderation_keys.html" if questions.has_grounds else "skip_keys.html"
    keys = "analyst_keys.html" if questions.may_defer else keys
    text = filled(template, labels=rows, keys=filled(keys), **KINDS[kind])
    policy = f"{questions.policy.strip()}\n\n" if questions.policy.strip() else ""
    return policy + " ".join(text.split())


def _with_keys(labels: LabelSet, questions: Questions) -> list[tuple[str, str]]:
    """Return each label and the key that picks it, "" where the keys have run out."""
    keys = KEYS[:-3] if questions.has_grounds else KEYS
    keys = keys.replace(DEFERRAL_KEY, "") if questions.may_defer else keys
    return list(zip_longest(labels, keys[: len(labels)], fillvalue=""))


def _attribute(text: str) -> str:
    """Return `text` as the value of an attribute that keeps its lines."""
    return escape(text).replace("\n", "&#10;")
