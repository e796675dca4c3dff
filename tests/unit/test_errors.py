"""The tree of errors is the one that is drawn, and each of its errors can happen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from goldloop.core import errors
from goldloop.core.errors import GoldloopError

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path.read_text(encoding="utf-8")
    for room in ("goldloop", "flows", "models")
    for path in sorted((ROOT / room).rglob("*.py"))
]
NAMES = [name for name, value in vars(errors).items() if isinstance(value, type)]


def tree(error: type[GoldloopError] = GoldloopError) -> list[tuple[str, str]]:
    """Return (parent, child) of all errors under `error`."""
    children = [kind for kind in error.__subclasses__() if kind.__module__ == errors.__name__]
    return [edge for kind in children for edge in [(error.__name__, kind.__name__), *tree(kind)]]


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    """The docstring of core/errors.py names each error once, below its base class."""
    assert errors.__doc__
    drawn, path = [], ["GoldloopError"]
    for branch, name in re.findall(r"^([│ ]*)[├└]── (\w+)  ", errors.__doc__, flags=re.M):
        depth = len(branch) // 4 + 1
        path[depth:] = [name]
        drawn.append((path[depth - 1], name))

    assert sorted(drawn) == sorted(tree())


@pytest.mark.parametrize("name", [name for name in NAMES if name != "GoldloopError"])
def test_every_error_is_raised_somewhere(name: str) -> None:
    """An error that no code raises is removed."""
    assert any(re.search(rf"(raise|return) {name}\(", source) for source in SOURCES)
