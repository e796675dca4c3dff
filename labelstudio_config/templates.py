"""Templates: the files beside this one, whose holes are filled."""

from __future__ import annotations

import re
from importlib import resources


def filled(name: str, **values: str) -> str:
    """Return a template with its {{holes}} filled, without blanks at its ends, as Label Studio keeps it."""
    template = resources.files("labelstudio_config").joinpath(name).read_text(encoding="utf-8").strip()
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: values[hole[1]], template)
