"""Verbatim: text of users, such as labels, paths and names, shown as it is, wherever it is shown.

The terminal gets `visible` text and no markup, Markdown gets `markdown_text`, and the page escapes HTML and
shows `visible` text. Spreadsheets get `inert` text.
"""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, halves of characters, separators of lines
_TURNING = set(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)  # turn the text beside them
_SPECIAL = re.compile(
    r"[\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_])"
)  # an underscore inside a word means nothing
_BEGINS_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are their wide forms
_BEGINS_BLOCK = re.compile(r"\s*(?:[-+#=]|\d{1,9}(?=[.)]))")


def visible(text: str, *, keep: str = "\n\t") -> str:
    r"""Return `text` with an escape in place of each character that steers a terminal or cannot be shown.

    >>> print(visible("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    if text.isprintable():
        return text
    return "".join(char if char in keep or not _is_hidden(char) else _escape(char) for char in text)


def _is_hidden(char: str) -> bool:
    return char in _TURNING or unicodedata.category(char) in _HIDDEN


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def markdown_text(text: str) -> str:
    r"""Return `text` as one paragraph, or one cell, of Markdown that shows it as it is.

    >>> print(markdown_text("[a](b) *c* <d> snake_case"))
    \[a\](b) \*c\* \<d\> snake_case
    """
    line = _SPECIAL.sub(r"\\\g<0>", visible(" ".join(text.split("\n"))))
    begin = _BEGINS_BLOCK.match(line)
    if begin is None:
        return line
    place = begin.end() if begin[0][-1].isdigit() else begin.end() - 1
    return f"{line[:place]}\\{line[place:]}"


def inert(text: str) -> str:
    """Return `text` with an apostrophe before it if a spreadsheet would compute it.

    >>> inert("=1+1"), inert("hat")
    ("'=1+1", 'hat')
    """
    return f"'{text}" if text.startswith(_BEGINS_FORMULA) else text
