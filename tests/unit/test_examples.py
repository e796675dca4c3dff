"""The examples in docstrings run and print what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITH_EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ("goldloop", "flows", "models")
    for path in sorted((ROOT / room).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_a_module_print_what_they_show(module: str) -> None:
    """Every example of the module gives the output in its docstring."""
    outcome = doctest.testmod(importlib.import_module(module))

    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize(
    "algorithm",
    [
        "goldloop.audit.estimates",
        "goldloop.audit.guard",
        "goldloop.drift.checks",
        "goldloop.stats.calibration",
        "goldloop.stats.reliability",
        "goldloop.stats.comparison",
    ],
)
def test_every_main_algorithm_has_an_example(algorithm: str) -> None:
    """A reader of the module sees one call of it and its result."""
    assert algorithm in WITH_EXAMPLES
