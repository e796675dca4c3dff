"""Every error of goldloop can happen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from goldloop.core import errors

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path.read_text(encoding="utf-8")
    for room in ("goldloop", "flows", "models")
    for path in sorted((ROOT / room).rglob("*.py"))
]
NAMES = [name for name, value in vars(errors).items() if isinstance(value, type)]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "GoldloopError"])
def test_every_error_is_raised_somewhere(name: str) -> None:
    """An error that no code raises is removed."""
    assert any(re.search(rf"(raise|return) {name}\(", source) for source in SOURCES)
