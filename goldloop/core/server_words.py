"""What a server said, as a part of a message: one line, and never the code of a page."""

from __future__ import annotations

import re

_PAGE = re.compile(r"(['\"]?)<(?:!doctype|\?xml|html|head|body|title|h1|div|p|center|pre)\b.*", re.I | re.S)


def in_one_line(said: str, most: int = 300) -> str:
    """Return the first `most` characters of `said`, in one line; a page of HTML is only named."""
    if said.lstrip()[:1] == "<":
        return "an HTML page"
    return " ".join(_PAGE.sub("an HTML page", said).split())[:most]
